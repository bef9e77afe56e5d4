import { memory } from '../backend/memory/memory.js';
import type { Backend } from '../backend/backend.js';
import type { EventStore, StoreCapabilities } from '../log/event-store.js';
import { UnsupportedError } from '../log/errors.js';
import type { NewEvent, RecordedEvent } from '../messages/event.js';

/** Everything in a log. */
export const everything = async (store: EventStore): Promise<readonly RecordedEvent[]> => {
  const events: RecordedEvent[] = [];
  for await (const batch of store.readAll()) events.push(...batch);
  return events;
};

/** An event with a number in it. */
export const counted = (n: number, more: Partial<NewEvent> = {}): NewEvent => ({
  type: 'Counted',
  data: { n },
  ...more,
});

/** What was thrown to end a migration for the test. */
export class Killed extends Error {}

/** Lets calls through until so many were made; the one after that fails, before or after it did its work. */
export class Fuse {
  #left: number;
  readonly #after: boolean;
  burnt = false;

  constructor(calls: number, after: boolean) {
    this.#left = calls;
    this.#after = after;
  }

  async around<Result>(work: () => Promise<Result>): Promise<Result> {
    if (this.burnt) throw new Killed();
    this.#left -= 1;
    if (this.#left > 0) return work();
    this.burnt = true;
    if (this.#after) await work();
    throw new Killed();
  }
}

const none: StoreCapabilities = {
  multiStreamAppend: false,
  transactionalAppend: false,
  durable: false,
  shared: false,
};

/**
 * A target over a memory backend: with its transactions, or without any, as EventStoreDB has none. Every call goes through
 * the fuse.
 */
export const fused = (
  inner: Backend,
  { transactional, fuse }: { readonly transactional: boolean; readonly fuse?: Fuse | undefined },
): Pick<Backend, 'events' | 'checkpoints' | 'transaction'> => {
  const around = <Result>(work: () => Promise<Result>): Promise<Result> =>
    fuse === undefined ? work() : fuse.around(work);
  const { events, checkpoints } = inner;
  return {
    events: {
      capabilities: transactional ? events.capabilities : none,
      append: (...parameters) => around(() => events.append(...parameters)),
      appendAll: (appends) => around(() => events.appendAll(appends)),
      async *readStream(...parameters) {
        await around(async () => undefined);
        yield* events.readStream(...parameters);
      },
      readAll: (options) => events.readAll(options),
      findEvent: (...parameters) => around(() => events.findEvent(...parameters)),
      streamVersion: (stream) => events.streamVersion(stream),
      subscribe: (options) => events.subscribe(options),
      head: () => around(() => events.head()),
      getStreamMetadata: (stream) => events.getStreamMetadata(stream),
      setStreamMetadata: (...parameters) => events.setStreamMetadata(...parameters),
      deleteStream: (...parameters) => events.deleteStream(...parameters),
      tombstoneStream: (...parameters) => events.tombstoneStream(...parameters),
    },
    checkpoints: {
      load: (...parameters) => around(() => checkpoints.load(...parameters)),
      list: (processor) => checkpoints.list(processor),
      move: (move) => around(() => checkpoints.move(move)),
      moveAll: (moves) => around(() => checkpoints.moveAll(moves)),
      remove: (...parameters) => around(() => checkpoints.remove(...parameters)),
      reset: (processor) => checkpoints.reset(processor),
    },
    transaction: (work) =>
      transactional
        ? around(() => inner.transaction(work))
        : Promise.reject(new UnsupportedError('No transactions here.')),
  };
};

/** A memory backend with a log of these streams' events, in this order. */
export const logOf = async (streams: readonly string[]): Promise<Backend> => {
  const backend = memory();
  for (const [n, stream] of streams.entries()) await backend.events.append(stream, [counted(n)]);
  return backend;
};
