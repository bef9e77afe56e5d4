import { memory } from '../../backend/memory/memory.js';
import type { MemoryOptions } from '../../backend/memory/memory.js';
import type { Backend } from '../../backend/backend.js';
import type { EventStore, Subscription, SubscriptionBatch } from '../../log/event-store.js';
import { manualClock } from '../manual-clock.js';
import { BackendTrial } from './backend-trial.js';
import { defineTests, type Chapter, type Closable } from './conformance.js';
import { EventStoreTrial } from './event-store-trial.js';

/** How long is waited for what a broken store may never deliver, in milliseconds. */
export const shortPatienceMs = 150;

/** The same object, but for some of its members. */
export const altered = <Port extends object>(port: Port, changes: Partial<Port>): Port =>
  new Proxy(port, {
    get(target, key) {
      const value: unknown = Reflect.get(key in changes ? changes : target, key);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });

/** What a broken subscription does with each batch; giving `undefined` swallows it. */
export const withBatches = (
  subscription: Subscription,
  change: (batch: SubscriptionBatch) => SubscriptionBatch | undefined,
): Subscription => {
  const batches = (async function* (): AsyncGenerator<SubscriptionBatch, void, undefined> {
    for await (const batch of subscription) {
      const changed = change(batch);
      if (changed !== undefined) yield changed;
    }
  })();
  return { close: () => subscription.close(), [Symbol.asyncIterator]: () => batches };
};

/** Names of the rules that are broken, tried as a test runner would. */
export const brokenRules = async <Trial extends Closable>(
  chapters: readonly Chapter<Trial>[],
  start: () => Promise<Trial>,
): Promise<readonly string[]> => {
  const tests: (readonly [name: string, run: () => Promise<void>])[] = [];
  const it = (name: string, run: () => Promise<void>): void => {
    tests.push([name, run]);
  };
  defineTests({ describe: (_, define) => define(), it }, chapters, start);
  const outcomes = await Promise.all(
    tests.map(async ([name, run]) => {
      try {
        await run();
        return undefined;
      } catch {
        return name;
      }
    }),
  );
  return outcomes.filter((name) => name !== undefined);
};

/** Rules that a memory store breaks after a change to it. */
export const rulesBrokenBy = (
  change: (store: EventStore) => Partial<EventStore>,
  chapters: readonly Chapter<EventStoreTrial>[],
  { patienceMs = shortPatienceMs, ...options }: MemoryOptions & { readonly patienceMs?: number } = {},
): Promise<readonly string[]> =>
  brokenRules(chapters, async () => {
    const clock = manualClock();
    const backend = memory({ clock, ...options });
    const store = altered(backend.events, change(backend.events));
    const elapse = (milliseconds: number): Promise<void> => clock.advance(milliseconds);
    return new EventStoreTrial({ store, elapse, close: () => backend.close() }, patienceMs);
  });

/** Rules that a memory backend breaks after a change to it. */
export const backendRulesBrokenBy = (
  change: (backend: Backend) => Partial<Backend>,
  chapters: readonly Chapter<BackendTrial>[],
  patienceMs = shortPatienceMs,
): Promise<readonly string[]> =>
  brokenRules(chapters, async () => {
    const clock = manualClock();
    const intact = memory({ clock });
    const backend = altered(intact, change(intact));
    const elapse = (milliseconds: number): Promise<void> => clock.advance(milliseconds);
    return new BackendTrial({ backend, elapse, close: () => intact.close() }, patienceMs);
  });
