import { MessageContext } from '../messages/context.js';
import { ProcessorChanges, type ProcessorChange } from '../observation/processor-change.js';
import type { Problems } from '../observation/problems.js';
import type { ProcessorRunner } from '../processing/processor-runner.js';
import type { MessageServices } from './message-services.js';

/** Tells whoever asked of the moments in the lives of processors. What a listener throws is reported, and changes nothing. */
export class ProcessorWatch {
  readonly #services: MessageServices;
  readonly #problems: Problems;
  readonly #listeners = new Set<(change: ProcessorChange) => unknown>();

  constructor(services: MessageServices, problems: Problems) {
    this.#services = services;
    this.#problems = problems;
  }

  /** @returns ends it */
  onChange(listener: (change: ProcessorChange) => unknown): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** Watches a runner, as long as it lives, and tells its definition first. */
  watch(runner: ProcessorRunner): void {
    const { definition } = runner;
    const changes = new ProcessorChanges();
    runner.onChange((status) => {
      for (const kind of changes.next(status)) {
        const change: ProcessorChange = { kind, processor: status.name, status };
        if (definition.onLifecycle !== undefined) {
          const context: MessageContext = new MessageContext({
            services: this.#services.scope(() => context),
          });
          this.#tell(`a lifecycle hook of ${status.role} "${status.name}"`, () =>
            context.run(() => definition.onLifecycle?.(change, context.services)),
          );
        }
        for (const listener of this.#listeners) {
          this.#tell(`a listener to processors, at "${status.name}"`, () => listener(change));
        }
      }
    });
  }

  /** In an asynchronous function, so that what is thrown at once is a rejection, too. */
  #tell(source: string, listener: () => unknown): void {
    const told = async (): Promise<void> => {
      await listener();
    };
    told().catch((error: unknown) => this.#problems.report(source, error));
  }
}
