import { type Backend, memory, type RecordedEvent, type Subscription } from '@tidemark/core';
import { sampleEvent } from '../sample-events.js';

/** Keys that the events belong to, by turns: in each of them the order is kept. */
const keys = 100;

const readySample = (index: number): Pick<RecordedEvent, 'type' | 'data' | 'metadata'> => {
  const { type, data, metadata = {} } = sampleEvent(index);
  return { type, data, metadata };
};

/** So many events, decoded and in order, as from a log that costs nothing to read. */
export const readyEvents = (count: number): readonly RecordedEvent[] =>
  Array.from({ length: count }, (_, index) => ({
    id: '00000000-0000-7000-8000-000000000000',
    stream: `order-${index % keys}`,
    version: Math.floor(index / keys),
    position: BigInt(index + 1),
    schemaVersion: 1,
    recordedAt: new Date(0),
    ...readySample(index),
  }));

/** Hands out batches until the end, then waits to be closed. */
const subscriptionTo = (batches: readonly (readonly RecordedEvent[])[]): Subscription => {
  let close = (): void => {};
  const closed = new Promise<void>((resolve) => {
    close = resolve;
  });
  async function* run(): AsyncGenerator<{
    readonly events: readonly RecordedEvent[];
    readonly position: bigint;
    readonly caughtUp: boolean;
  }> {
    for (const [index, events] of batches.entries()) {
      yield { events, position: events.at(-1)?.position ?? 0n, caughtUp: index === batches.length - 1 };
    }
    await closed;
  }
  const iterator = run();
  return {
    [Symbol.asyncIterator]: () => iterator,
    close: async () => close(),
  };
};

/** A memory backend whose log is ready to be handed out: what is left to be measured is the way to the handlers. */
export const readyBackend = (events: readonly RecordedEvent[], batchSize: number): Backend => {
  const inner = memory();
  const batches = Array.from({ length: Math.ceil(events.length / batchSize) }, (_, index) =>
    events.slice(index * batchSize, (index + 1) * batchSize),
  );
  return {
    name: inner.name,
    sql: inner.sql,
    checkpoints: inner.checkpoints,
    snapshots: inner.snapshots,
    documents: inner.documents,
    timers: inner.timers,
    leases: inner.leases,
    deadLetters: inner.deadLetters,
    nodes: inner.nodes,
    transaction: (work) => inner.transaction(work),
    open: () => inner.open(),
    close: () => inner.close(),
    events: {
      capabilities: inner.events.capabilities,
      append: (...call) => inner.events.append(...call),
      appendAll: (...call) => inner.events.appendAll(...call),
      readStream: (...call) => inner.events.readStream(...call),
      readAll: (...call) => inner.events.readAll(...call),
      findEvent: (...call) => inner.events.findEvent(...call),
      streamVersion: (...call) => inner.events.streamVersion(...call),
      getStreamMetadata: (...call) => inner.events.getStreamMetadata(...call),
      setStreamMetadata: (...call) => inner.events.setStreamMetadata(...call),
      deleteStream: (...call) => inner.events.deleteStream(...call),
      tombstoneStream: (...call) => inner.events.tombstoneStream(...call),
      head: async () => events.at(-1)?.position ?? 0n,
      subscribe: () => subscriptionTo(batches),
    },
  };
};
