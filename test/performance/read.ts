import { type Backend, createApp, decider, upcaster } from '@tidemark/core';
import type { MapLog } from './bare/map-log.js';
import type { BareSqlLog } from './bare/sql-log.js';
import { checkDone, type Group, rate, type Side } from './harness.js';
import { kept } from './kept-backend.js';
import { emmett, messageDb, type Peer } from './peers/peers.js';
import {
  eventsByStream,
  eventsIn,
  preparedBare,
  preparedMap,
  preparedMemory,
  preparedOurs,
  streamName,
} from './prepared-logs.js';
import { type Sample, sampleType } from './sample-events.js';
import { onPglite, onPostgres, type Store } from './stores.js';

/** Events that come in one batch, and rows in one page of the bare reader. */
const pageSize = 1_000;

/** As the data is after the upcaster: the price of one became that of the line. */
interface Line extends Omit<Sample, 'price'> {
  readonly total: number;
}

const toLine = ({ price, ...rest }: Sample): Line => ({ ...rest, total: price * rest.quantity });

interface Order {
  readonly lines: number;
  readonly total: number;
}

const withLine = (order: Order, line: Line): Order => ({
  lines: order.lines + 1,
  total: order.total + line.total,
});

const emptyOrder: Order = { lines: 0, total: 0 };

/** An aggregate whose events are all stored in an older version. */
const order = decider({
  name: 'order',
  commands: ['order.close'],
  initialState: (): Order => emptyOrder,
  decide: ({ data }: { readonly type: 'order.close'; readonly data: { readonly orderId: string } }) => {
    throw new Error(`Order ${data.orderId} is only there to be read.`);
  },
  evolve: (state, event: { readonly type: typeof sampleType; readonly data: Line }) =>
    withLine(state, event.data),
  target: ({ data }) => data.orderId,
});

const priceToTotal = upcaster<Sample>({ event: sampleType, from: 1, upcast: toLine });

/** Times reading batches until they end, and counts their events. */
const readAll = (events: number, batches: () => AsyncIterable<readonly unknown[]>): Promise<number> => {
  return rate(events, async () => {
    let count = 0;
    for await (const batch of batches()) count += batch.length;
    checkDone('events read', count, events);
  });
};

const repeated = (times: number, work: (turn: number) => Promise<void>) => async (): Promise<void> => {
  for (let turn = 0; turn < times; turn += 1) await work(turn);
};

/** Reads streams by turns, so many in all. */
const readStreams = (
  streams: number,
  times: number,
  batches: (stream: string) => AsyncIterable<readonly unknown[]>,
): Promise<number> =>
  rate(
    times * eventsByStream,
    repeated(times, async (turn) => {
      let count = 0;
      for await (const batch of batches(streamName(turn % streams))) count += batch.length;
      checkDone('events read', count, eventsByStream);
    }),
  );

/** Loads aggregates by turns, so many in all. */
const load = (streams: number, times: number, fold: (number: number) => Promise<Order>): Promise<number> =>
  rate(
    times * eventsByStream,
    repeated(times, async (turn) => {
      const { lines, total } = await fold(turn % streams);
      checkDone('events folded', lines, eventsByStream);
      if (!(total > 0))
        throw new Error(`The events of ${streamName(turn % streams)} came without their totals.`);
    }),
  );

async function* pagesOf(log: BareSqlLog): AsyncGenerator<readonly unknown[]> {
  let after = '0';
  for (;;) {
    const page = await log.page(after);
    const last = page.at(-1);
    if (last !== undefined) yield page;
    if (last === undefined || page.length < pageSize) return;
    after = last.position;
  }
}

async function* pagesOfStream(log: BareSqlLog, stream: string): AsyncGenerator<readonly unknown[]> {
  yield await log.streamPage(stream);
}

async function* pagesOfMap(log: MapLog): AsyncGenerator<readonly unknown[]> {
  for (let after = 0; after < log.size; after += pageSize) yield await log.page(after, pageSize);
}

async function* streamOfMap(log: MapLog, stream: string): AsyncGenerator<readonly unknown[]> {
  yield await log.stream(stream);
}

const foldByHand = (events: readonly { readonly data: unknown; readonly schemaVersion: number }[]): Order =>
  events.reduce(
    (state, { data, schemaVersion }) =>
      withLine(state, schemaVersion === 1 ? toLine(data as Sample) : (data as Line)),
    emptyOrder,
  );

/** The three cases for a backend whose log is prepared. */
const reading = async (backend: Backend, streams: number, times: number): Promise<Side> => {
  const app = createApp({ backend: kept(backend), register: [order, priceToTotal] });
  await app.start();
  const batches = { batchSize: pageSize };
  return {
    runs: [
      () => readAll(eventsIn(streams), () => backend.events.readAll(batches)),
      () => readStreams(streams, times, (stream) => backend.events.readStream(stream, batches)),
      () => load(streams, times, async (number) => (await app.load(order, String(number))).state),
    ],
    close: async () => {
      await app.stop();
      await backend.close();
    },
  };
};

const casesOf = (where: string, streams: number): Group['cases'] => [
  { name: `${where}, whole log of ${eventsIn(streams)}`, unit: 'events' },
  { name: `${where}, streams of ${eventsByStream}`, unit: 'events' },
  { name: `${where}, loads of aggregates of ${eventsByStream}, upcast`, unit: 'events' },
];

const onStore = (store: Store, scale: number): Group => {
  const streams = 20 * scale;
  const times = 20 * scale;
  return {
    needs: store.needs,
    cases: casesOf(store.name, streams),
    ours: async () => reading(await preparedOurs(store, streams), streams, times),
    bare: async () => {
      const log = await preparedBare(store, streams);
      return {
        runs: [
          () => readAll(eventsIn(streams), () => pagesOf(log)),
          () => readStreams(streams, times, (stream) => pagesOfStream(log, stream)),
          () => load(streams, times, async (number) => foldByHand(await log.streamPage(streamName(number)))),
        ],
        close: () => log.close(),
      };
    },
  };
};

const besidePeer = (peer: Peer, scale: number): Group => {
  const streams = 4;
  const times = 20 * scale;
  return {
    needs: onPostgres.needs,
    cases: [{ name: `PostgreSQL, streams of ${eventsByStream}, against ${peer.name}`, unit: 'events' }],
    ours: async () => {
      const backend = await preparedOurs(onPostgres, streams);
      const batches = { batchSize: pageSize };
      return {
        runs: [() => readStreams(streams, times, (stream) => backend.events.readStream(stream, batches))],
        close: () => backend.close(),
      };
    },
    bare: async () => {
      const log = await peer.open();
      for (let stream = 0; stream < streams; stream += 1)
        await log.append(streamName(stream), eventsByStream);
      const read = async (turn: number): Promise<void> =>
        checkDone('events read', await log.readStream(streamName(turn % streams)), eventsByStream);
      return {
        runs: [() => rate(times * eventsByStream, repeated(times, read))],
        close: () => log.close(),
      };
    },
  };
};

const inMemory = (scale: number): Group => {
  const streams = 50 * scale;
  const times = 50 * scale;
  return {
    cases: casesOf('memory', streams),
    ours: async () => reading(await preparedMemory(streams), streams, times),
    bare: async () => {
      const log = await preparedMap(streams);
      return {
        runs: [
          () => readAll(eventsIn(streams), () => pagesOfMap(log)),
          () => readStreams(streams, times, (stream) => streamOfMap(log, stream)),
          () => load(streams, times, async (number) => foldByHand(await log.stream(streamName(number)))),
        ],
      };
    },
  };
};

/** Reading: the whole log, one stream, and aggregates with an upcaster in between. */
export const read = (scale: number, peers: boolean): readonly Group[] => [
  ...(peers ? [besidePeer(emmett, scale), besidePeer(messageDb, scale)] : []),
  onStore(onPostgres, scale),
  onStore(onPglite, scale),
  inMemory(scale),
];
