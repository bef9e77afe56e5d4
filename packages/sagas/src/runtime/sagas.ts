import {
  ConfigurationError,
  deterministicId,
  newId,
  outgoingMetadata,
  type Backend,
  type Clock,
  type Lifecycle,
} from '@tidemark/core';
import { SagaNotFoundError, SagaStatusError } from '../errors.js';
import { instanceStream, sagaEventOf, type ApprovalDecision } from '../model/events.js';
import { emptyInstance, evolve, statusOf, type SagaInstance, type SagaStatus } from '../model/instance.js';
import type { SagaDefinition } from '../model/saga-definition.js';
import type { SagaInput } from '../model/transition.js';
import { awaitStatus } from './await-status.js';
import { sagaCollection, type SagaSummary } from './instance-list.js';
import type { Instances } from './instances.js';
import { storyEntry, type StoryEntry } from './story.js';

/** Which instances are listed. */
export interface ListOptions {
  readonly saga?: string | undefined;
  /** One status, or several of which any will do. */
  readonly status?: SagaStatus | readonly SagaStatus[] | undefined;
  /** Most instances in the page. Default: 100. */
  readonly limit?: number | undefined;
  /** The `next` of the page before. */
  readonly after?: string | undefined;
}

/** One page of the list of instances. */
export interface SagaPage {
  /** Those whose status changed last come first. */
  readonly instances: readonly SagaSummary[];
  /** Give it as `after` for the next page; `undefined` on the last one. */
  readonly next: string | undefined;
}

/** One instance as it stands in the store. */
export interface SagaView {
  readonly saga: string;
  readonly key: string;
  readonly status: SagaStatus;
  /** The recorded fields. */
  readonly state: Readonly<Record<string, unknown>>;
  readonly steps: readonly {
    readonly step: string;
    readonly name: string;
    readonly key: string | undefined;
    readonly status: 'open' | 'completed' | 'failed';
    readonly attempts: number;
    readonly reason: string | undefined;
    /** What became of undoing it; `undefined` if it need not be undone. */
    readonly undo: 'pending' | 'done' | 'failed' | undefined;
  }[];
  /** Names of the timers that are set. */
  readonly timers: readonly string[];
  readonly approvals: readonly { readonly name: string; readonly question: string }[];
  readonly reason: string | undefined;
  readonly result: unknown;
  /** Version of the last event in its stream. */
  readonly version: number;
}

/** What of an instance is waited for. */
export interface SagaWaitOptions {
  /** The status to come, or several of which any will do. Default: any in which it no longer goes on by itself,
   * `completed`, `compensated` or `needs-person`. */
  readonly status?: SagaStatus | readonly SagaStatus[] | undefined;
  /** Ends the wait with the signal's reason, e.g. `AbortSignal.timeout(10_000)`. Default: it waits as long as it takes. */
  readonly signal?: AbortSignal | undefined;
}

const endings: readonly SagaStatus[] = ['completed', 'compensated', 'needs-person'];

/** Who decides. */
export interface DecidedBy {
  readonly by: string;
  readonly comment?: string | undefined;
}

/** The sagas of an application, to look at and to intervene in: `app.get(Sagas)`. */
export class Sagas implements Lifecycle {
  readonly #backend: Backend;
  readonly #clock: Clock;
  readonly #instances: Instances;
  readonly #definitions = new Map<string, SagaDefinition>();

  constructor(backend: Backend, clock: Clock, instances: Instances) {
    this.#backend = backend;
    this.#clock = clock;
    this.#instances = instances;
  }

  /**
   * Adds a saga; done by its installation.
   *
   * @throws {ConfigurationError} names of instance streams could be those of another saga
   */
  add(definition: SagaDefinition): void {
    for (const other of this.#definitions.values()) {
      const [shorter, longer] =
        other.name.length < definition.name.length ? [other, definition] : [definition, other];
      if (longer.name.startsWith(`${shorter.name}-`)) {
        throw new ConfigurationError(
          `Sagas "${shorter.name}" (${shorter.definedAt}) and "${longer.name}" (${longer.definedAt}) could mistake each ` +
            `other's instances: a stream "${instanceStream(longer.name, 'x')}" may be of either. Rename one.`,
        );
      }
    }
    this.#definitions.set(definition.name, definition);
  }

  async start(): Promise<void> {
    await this.#backend.documents.ensure(sagaCollection);
  }

  /** Instances by saga and status. The list follows the log a moment behind; {@link get} is exact. */
  async list(options: ListOptions = {}): Promise<SagaPage> {
    const { saga, status, limit, after } = options;
    const page = await this.#backend.documents.query(sagaCollection.name, {
      where: {
        ...(saga === undefined ? {} : { saga: { eq: saga } }),
        ...(status === undefined ? {} : { status: { in: typeof status === 'string' ? [status] : status } }),
      },
      orderBy: 'updatedAt',
      descending: true,
      limit,
      after,
    });
    // Nobody else writes to the collection.
    return { instances: page.documents.map(({ document }) => document as SagaSummary), next: page.next };
  }

  /** One instance, read from its stream, or `undefined` if it never started. */
  async get(saga: string, key: string): Promise<SagaView | undefined> {
    this.#definition(saga);
    const instance = emptyInstance(saga, key, instanceStream(saga, key));
    for await (const batch of this.#backend.events.readStream(instance.stream)) {
      for (const recorded of batch) {
        const event = sagaEventOf(saga, recorded);
        if (event !== undefined) evolve(instance, event, recorded.metadata);
      }
    }
    return viewOf(instance);
  }

  /** Everything that happened to an instance, in order; empty if it never started. */
  async story(saga: string, key: string): Promise<readonly StoryEntry[]> {
    const entries: StoryEntry[] = [];
    for await (const batch of this.#backend.events.readStream(instanceStream(saga, key))) {
      for (const recorded of batch) {
        const entry = storyEntry(saga, recorded);
        if (entry !== undefined) entries.push(entry);
      }
    }
    return entries;
  }

  /**
   * Waits until an instance has a status, also one that has not started yet. An approval that is decided at once may be
   * missed: what is certain to be seen is a status that lasts.
   *
   * @throws the signal's reason, when it is aborted
   */
  waitFor(saga: string, key: string, options: SagaWaitOptions = {}): Promise<SagaView> {
    const { status = endings, signal } = options;
    const wanted = typeof status === 'string' ? [status] : status;
    const look = async (): Promise<SagaView | undefined> => {
      const view = await this.get(saga, key);
      return view !== undefined && wanted.includes(view.status) ? view : undefined;
    };
    return awaitStatus(this.#backend.events, saga, instanceStream(saga, key), look, signal);
  }

  /** @throws {SagaStatusError} the approval is not pending. @throws {SagaNotFoundError} there is no such instance */
  approve(saga: string, key: string, approval: string, decided: DecidedBy): Promise<void> {
    return this.#decide(saga, key, { approval, outcome: 'approved', ...decided });
  }

  /** @throws {SagaStatusError} the approval is not pending. @throws {SagaNotFoundError} there is no such instance */
  reject(saga: string, key: string, approval: string, decided: DecidedBy): Promise<void> {
    return this.#decide(saga, key, { approval, outcome: 'rejected', ...decided });
  }

  /**
   * Tries the inverses of an instance that needs a person again, from the one that failed.
   *
   * @throws {SagaStatusError} it does not need a person. @throws {SagaNotFoundError} there is no such instance
   */
  retryCompensation(saga: string, key: string, by?: string): Promise<void> {
    return this.#intervene(saga, key, { kind: 'retry-compensation', by }, 'it does not need a person.');
  }

  /**
   * Ends an instance that needs a person: somebody has undone the rest by hand.
   *
   * @throws {SagaStatusError} it does not need a person. @throws {SagaNotFoundError} there is no such instance
   */
  markResolved(
    saga: string,
    key: string,
    resolved: { readonly by: string; readonly reason: string },
  ): Promise<void> {
    return this.#intervene(saga, key, { kind: 'mark-resolved', ...resolved }, 'it does not need a person.');
  }

  async #decide(saga: string, key: string, decision: ApprovalDecision): Promise<void> {
    const { behaviour } = this.#definition(saga);
    // As of now, not of the cache: other processes may have gone on with the instance.
    const version = await this.#backend.events.streamVersion(instanceStream(saga, key));
    if (version === undefined) throw new SagaNotFoundError(saga, key);
    const requestId = await this.#instances.look(
      behaviour,
      key,
      version,
      (instance) => instance.approvals.get(decision.approval)?.requestId,
    );
    const refusal = `approval "${decision.approval}" is not pending.`;
    if (requestId === undefined) throw new SagaStatusError(saga, key, refusal);
    // One decision a request: its id comes from it, and so do the ids of all that follows.
    const id = deterministicId(requestId, 'decided');
    await this.#intervene(saga, key, { kind: 'approval-due', decision, requestId }, refusal, id);
  }

  /** Records the intervention; the saga's processor takes it from there. */
  async #intervene(
    saga: string,
    key: string,
    input: SagaInput,
    refusal: string,
    id = newId(),
  ): Promise<void> {
    const { behaviour } = this.#definition(saga);
    const source = { id, at: this.#clock.now(), metadata: outgoingMetadata() };
    const { events } = await this.#instances.take(behaviour, key, input, source);
    if (events.length > 0) return;
    const version = await this.#backend.events.streamVersion(instanceStream(saga, key));
    if (version === undefined) throw new SagaNotFoundError(saga, key);
    throw new SagaStatusError(saga, key, refusal);
  }

  #definition(saga: string): SagaDefinition {
    const definition = this.#definitions.get(saga);
    if (definition !== undefined) return definition;
    throw new ConfigurationError(
      `No saga "${saga}" is registered; registered are: ${[...this.#definitions.keys()].join(', ')}.`,
    );
  }
}

const viewOf = (instance: SagaInstance): SagaView | undefined => {
  const status = statusOf(instance);
  if (status === undefined) return undefined;
  const { saga, key, reason, result, version } = instance;
  return {
    saga,
    key,
    status,
    state: Object.fromEntries(
      [...instance.fields].map(([field, text]) => [field, JSON.parse(text) as unknown]),
    ),
    steps: [...instance.steps.values()].map((step) => ({
      step: step.id,
      name: step.name,
      key: step.key,
      status: step.status,
      attempts: step.attempt,
      reason: step.failure?.reason,
      undo: step.undo?.status,
    })),
    timers: [...instance.timers.keys()],
    approvals: [...instance.approvals.values()].map(({ name, question }) => ({ name, question })),
    reason,
    result,
    version,
  };
};
