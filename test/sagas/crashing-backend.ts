import {
  StoreUnavailableError,
  type Backend,
  type EventStore,
  type Subscription,
  type TimerStore,
} from '@tidemark/core';

/** Where a process dies: at the so-manieth write, just before it, or just after it with its answer lost. */
export interface CrashPoint {
  readonly write: number;
  readonly moment: 'before' | 'after';
}

/** A backend in a process that dies at a point, over a store that lives on. */
export interface CrashingBackend {
  readonly backend: Backend;
  /** Resolves when the process is dead. */
  readonly dead: Promise<void>;
  /** How many writes it has seen. */
  writes(): number;
}

/**
 * Wraps a backend so that at one write everything ends: that write fails, before or after it took effect, and whatever
 * is asked afterwards fails too. Closing it leaves the wrapped one open for the next process.
 *
 * Writes are appends, schedules and removals of timers, moves of checkpoints, and transactions.
 */
export const crashingBackend = (inner: Backend, point: CrashPoint | undefined): CrashingBackend => {
  let writes = 0;
  let isDead = false;
  let announce = (): void => {};
  const dead = new Promise<void>((resolve) => {
    announce = resolve;
  });
  const die = (): never => {
    isDead = true;
    announce();
    throw new StoreUnavailableError('The process has died.');
  };
  const read = <Result>(work: () => Result): Result => (isDead ? die() : work());
  const write = async <Result>(work: () => Promise<Result>): Promise<Result> => {
    if (isDead) die();
    writes += 1;
    const here = point?.write === writes ? point.moment : undefined;
    if (here === 'before') die();
    // Dead from now on to everyone else, while the write itself still arrives.
    if (here === 'after') isDead = true;
    const result = await work();
    if (here === 'after') die();
    return result;
  };

  const { events, timers, checkpoints } = inner;
  const watchedEvents: EventStore = {
    capabilities: events.capabilities,
    append: (stream, list, options) => write(() => events.append(stream, list, options)),
    appendAll: (appends) => write(() => events.appendAll(appends)),
    readStream: (stream, options) => read(() => events.readStream(stream, options)),
    readAll: (options) => read(() => events.readAll(options)),
    findEvent: async (stream, id) => read(() => events.findEvent(stream, id)),
    streamVersion: async (stream) => read(() => events.streamVersion(stream)),
    subscribe: (options): Subscription => read(() => events.subscribe(options)),
    head: async () => read(() => events.head()),
    getStreamMetadata: async (stream) => read(() => events.getStreamMetadata(stream)),
    setStreamMetadata: (stream, metadata) => write(() => events.setStreamMetadata(stream, metadata)),
    deleteStream: (stream, options) => write(() => events.deleteStream(stream, options)),
    tombstoneStream: (stream, options) => write(() => events.tombstoneStream(stream, options)),
  };
  const watchedTimers: TimerStore = {
    schedule: (list) => write(() => timers.schedule(list)),
    claimDue: (options) => write(() => timers.claimDue(options)),
    remove: (ids) => write(() => timers.remove(ids)),
    untilNextDue: async (target) => read(() => timers.untilNextDue(target)),
    list: async (target, limit) => read(() => timers.list(target, limit)),
  };
  return {
    dead,
    writes: () => writes,
    backend: {
      name: inner.name,
      sql: inner.sql,
      events: watchedEvents,
      timers: watchedTimers,
      checkpoints: {
        load: async (processor, segment) => read(() => checkpoints.load(processor, segment)),
        list: async (processor) => read(() => checkpoints.list(processor)),
        move: (move) => write(() => checkpoints.move(move)),
        moveAll: (moves) => write(() => checkpoints.moveAll(moves)),
        remove: (...parameters) => write(() => checkpoints.remove(...parameters)),
        reset: (processor) => write(() => checkpoints.reset(processor)),
      },
      snapshots: inner.snapshots,
      documents: inner.documents,
      leases: inner.leases,
      deadLetters: inner.deadLetters,
      nodes: inner.nodes,
      transaction: (work) => write(() => inner.transaction(work)),
      open: () => inner.open(),
      close: async () => {},
    },
  };
};
