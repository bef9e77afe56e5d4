import { type Backend, memory } from '@tidemark/core';
import { MapLog } from './bare/map-log.js';
import type { BareSqlLog } from './bare/sql-log.js';
import { checkDone, type Group, rate, type Side } from './harness.js';
import { emmett, messageDb, type Peer } from './peers/peers.js';
import { sampleEvent, sampleEvents } from './sample-events.js';
import { onPglite, onPostgres, type Store } from './stores.js';

/** How much one side does in one round. */
interface Load {
  /** Callers at the same time, each waiting for its append before it makes the next. */
  readonly callers: number;
  readonly appendsByCaller: number;
  readonly eventsByAppend: number;
  /** Whether the bare component is used as its documentation does, by `query()`, and not by prepared statements. */
  readonly byQuery?: true;
}

/** Writes one append to a new stream and says at which position it ends. */
type Append = (stream: string) => Promise<unknown>;

/** The number of streams ever written to, on either side: each append makes a new one. */
let streams = 0;

const eventsIn = ({ callers, appendsByCaller, eventsByAppend }: Load): number =>
  callers * appendsByCaller * eventsByAppend;

/** Times a load, then counts what is in the store. */
const write = async (load: Load, append: Append, count: () => Promise<number>): Promise<number> => {
  const before = await count();
  const speed = await rate(eventsIn(load), () =>
    Promise.all(
      Array.from({ length: load.callers }, async () => {
        for (let done = 0; done < load.appendsByCaller; done += 1) {
          streams += 1;
          await append(`order-${streams}`);
        }
      }),
    ),
  );
  checkDone('events written', (await count()) - before, eventsIn(load));
  return speed;
};

const appendTo = ({ events }: Backend, size: number): Append => {
  const single = [sampleEvent(1)];
  const several = sampleEvents(size);
  return (stream) => events.append(stream, size === 1 ? single : several, { expectedVersion: 'no-stream' });
};

const insertInto = (log: BareSqlLog, { eventsByAppend, byQuery }: Load): Append => {
  const single = sampleEvent(1);
  if (byQuery === true) return (stream) => log.appendByQuery(stream, 0, single);
  if (eventsByAppend === 1) return (stream) => log.appendOne(stream, 0, single);
  const several = sampleEvents(eventsByAppend);
  return (stream) => log.appendMany(stream, 0, several);
};

const countIn = async ({ events }: Backend): Promise<number> => {
  let count = 0;
  for await (const batch of events.readAll({ batchSize: 5_000 })) count += batch.length;
  return count;
};

const countRows = (backend: Backend): Promise<number> =>
  backend.transaction(async (tx) => {
    const { rows } = await tx.query<{ count: bigint }>('SELECT count(*) AS count FROM tidemark.events');
    return Number(rows[0]?.count);
  });

const sized = (name: string, { callers, eventsByAppend, byQuery }: Load): string =>
  `${name}, ${callers} ${callers === 1 ? 'caller' : 'callers'} × ${eventsByAppend} ${eventsByAppend === 1 ? 'event' : 'events'}${byQuery === true ? ', against query()' : ''}`;

const writingOurs = async (store: Store, loads: readonly Load[]): Promise<Side> => {
  const backend = await store.ours();
  return {
    runs: loads.map(
      (load) => () => write(load, appendTo(backend, load.eventsByAppend), () => countRows(backend)),
    ),
    close: () => backend.close(),
  };
};

const onStore = (store: Store, scale: number): Group => {
  const loads: readonly Load[] = [
    { callers: 1, appendsByCaller: 1_000 * scale, eventsByAppend: 1 },
    { callers: 1, appendsByCaller: 500 * scale, eventsByAppend: 1, byQuery: true },
    { callers: 50, appendsByCaller: 50 * scale, eventsByAppend: 1 },
    { callers: 1, appendsByCaller: 60 * scale, eventsByAppend: 100 },
    { callers: 4, appendsByCaller: 15 * scale, eventsByAppend: 100 },
  ];
  return {
    needs: store.needs,
    cases: loads.map((load) => ({ name: sized(store.name, load), unit: 'events' })),
    ours: () => writingOurs(store, loads),
    bare: async () => {
      const log = await store.bare();
      const count = (): Promise<number> => log.count();
      return {
        runs: loads.map((load) => () => write(load, insertInto(log, load), count)),
        close: () => log.close(),
      };
    },
  };
};

const besidePeer = (peer: Peer, scale: number): Group => {
  const loads: readonly Load[] = [
    { callers: 1, appendsByCaller: 500 * scale, eventsByAppend: 1 },
    { callers: 50, appendsByCaller: 20 * scale, eventsByAppend: 1 },
    { callers: 1, appendsByCaller: 20 * scale, eventsByAppend: 100 },
  ];
  return {
    needs: onPostgres.needs,
    cases: loads.map((load) => ({
      name: `${sized(onPostgres.name, load)}, against ${peer.name}`,
      unit: 'events',
    })),
    ours: () => writingOurs(onPostgres, loads),
    bare: async () => {
      const log = await peer.open();
      return {
        runs: loads.map(
          (load) => () =>
            write(
              load,
              (stream) => log.append(stream, load.eventsByAppend),
              () => log.count(),
            ),
        ),
        close: () => log.close(),
      };
    },
  };
};

const inMemory = (scale: number): Group => {
  const loads: readonly Load[] = [
    { callers: 1, appendsByCaller: 20_000 * scale, eventsByAppend: 1 },
    { callers: 1, appendsByCaller: 300 * scale, eventsByAppend: 100 },
  ];
  return {
    cases: loads.map((load) => ({ name: sized('memory', load), unit: 'events' })),
    // A log of its own for each run, or the heap would grow from run to run.
    ours: async () => ({
      runs: loads.map((load) => async () => {
        const backend = memory();
        return write(load, appendTo(backend, load.eventsByAppend), () => countIn(backend));
      }),
    }),
    bare: async () => ({
      runs: loads.map((load) => async () => {
        const log = new MapLog();
        const events = sampleEvents(load.eventsByAppend);
        return write(
          load,
          (stream) => log.append(stream, -1, events),
          async () => log.size,
        );
      }),
    }),
  };
};

/** Writing: single events, many callers at once, and a hundred events a call. */
export const append = (scale: number, peers: boolean): readonly Group[] => [
  ...(peers ? [besidePeer(emmett, scale), besidePeer(messageDb, scale)] : []),
  onStore(onPostgres, scale),
  onStore(onPglite, scale),
  inMemory(scale),
];
