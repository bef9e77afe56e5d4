import { type Backend, memory, type NewEvent } from '@tidemark/core';
import { MapLog } from './bare/map-log.js';
import type { BareSqlLog } from './bare/sql-log.js';
import { checkDone } from './harness.js';
import { sampleEvents } from './sample-events.js';
import type { Store } from './stores.js';

/** Events of each stream. */
export const eventsByStream = 1_000;

/** The name of the stream with that number. */
export const streamName = (number: number): string => `order-${number}`;

/** A hundred events at a time, the streams by turns, as a log grows in life: {@link eventsByStream} to each. */
const fill = async (
  streams: number,
  write: (stream: string, version: number, events: readonly NewEvent[]) => Promise<unknown>,
): Promise<void> => {
  const size = 100;
  for (let version = 0; version < eventsByStream; version += size) {
    for (let stream = 0; stream < streams; stream += 1) {
      await write(streamName(stream), version, sampleEvents(size, stream * eventsByStream + version));
    }
  }
};

/** How many events so many streams have. */
export const eventsIn = (streams: number): number => streams * eventsByStream;

const fillOurs = async ({ events }: Backend, streams: number): Promise<void> => {
  await fill(streams, (stream, version, batch) =>
    events.append(stream, batch, { expectedVersion: version - 1 }),
  );
  checkDone('head of the log prepared', await events.head(), BigInt(eventsIn(streams)));
};

/** A backend whose log has so many streams. */
export const preparedOurs = async (store: Store, streams: number): Promise<Backend> => {
  const backend = await store.ours();
  await fillOurs(backend, streams);
  // What autovacuum does in life.
  await backend.transaction((tx) => tx.query('ANALYZE tidemark.events'));
  return backend;
};

/** The same log in a table written to by hand. */
export const preparedBare = async (store: Store, streams: number): Promise<BareSqlLog> => {
  const log = await store.bare();
  await fill(streams, (stream, version, batch) => log.appendMany(stream, version, batch));
  checkDone('events prepared', await log.count(), eventsIn(streams));
  await log.session.script('ANALYZE events');
  return log;
};

/** A memory backend whose log has so many streams. */
export const preparedMemory = async (streams: number): Promise<Backend> => {
  const backend = memory();
  await fillOurs(backend, streams);
  return backend;
};

/** The same log in a map. */
export const preparedMap = async (streams: number): Promise<MapLog> => {
  const log = new MapLog();
  await fill(streams, (stream, version, batch) => log.append(stream, version - 1, batch));
  checkDone('events prepared', log.size, eventsIn(streams));
  return log;
};
