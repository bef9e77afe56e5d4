import { setTimeout as wait } from 'node:timers/promises';
import type { Backend } from '@tidemark/core';
import { postgres } from '@tidemark/adapters/postgres';
import { redis } from '@tidemark/adapters/redis';
import { Client } from 'pg';
import { PgSession } from './bare/pg-session.js';
import { BareSqlLog } from './bare/sql-log.js';
import { checkDone, type Group, type Side } from './harness.js';
import { newRunner } from './no-op-processor.js';
import { newName } from './process/consumer.js';
import { type Sample, sampleEvent } from './sample-events.js';
import { addressOf } from './servers.js';
import { newDatabase } from './stores.js';

/** Events a second that are offered, whether the ones before have arrived or not. */
const offered = 1_000;

/** How long each event of a run took from the call that appends it to its handler, in milliseconds, the shortest first. */
type Latencies = readonly number[];

/** The latency that this part of all events does not exceed. */
const percentile = (latencies: Latencies, part: number): number =>
  latencies[Math.min(latencies.length - 1, Math.floor(latencies.length * part))] ?? Number.NaN;

/** Notes when events are offered and when they arrive. */
class Stopwatch {
  readonly #begun: number[] = [];
  readonly #latencies: number[] = [];
  readonly #events: number;
  #done = (): void => undefined;
  readonly done: Promise<void>;

  constructor(events: number) {
    this.#events = events;
    this.done = new Promise((resolve) => {
      this.#done = resolve;
    });
  }

  begin(index: number): void {
    this.#begun[index] = performance.now();
  }

  arrived(index: number): void {
    this.#latencies.push(performance.now() - (this.#begun[index] ?? Number.NaN));
    if (this.#latencies.length === this.#events) this.#done();
  }

  async latencies(): Promise<Latencies> {
    await this.done;
    checkDone('events handled live', this.#latencies.length, this.#events);
    return this.#latencies.toSorted((a, b) => a - b);
  }
}

/** The data of an event with its number in the run. */
const numbered = (index: number): Sample => ({ ...sampleEvent(1).data, quantity: index });

/** Offers events at the rate, and gives their latencies. */
const offer = async (
  events: number,
  append: (index: number) => Promise<unknown>,
  stopwatch: Stopwatch,
): Promise<Latencies> => {
  const begin = performance.now();
  const appends: Promise<unknown>[] = [];
  for (let index = 0; index < events; ) {
    const due = Math.min(events, Math.ceil(((performance.now() - begin) * offered) / 1_000));
    for (; index < due; index += 1) {
      stopwatch.begin(index);
      appends.push(append(index));
    }
    await wait(1);
  }
  await Promise.all(appends);
  return stopwatch.latencies();
};

const liveOurs = async (writer: Backend, reader: Backend, events: number): Promise<Latencies> => {
  const prefix = newName();
  const stopwatch = new Stopwatch(events);
  const runner = newRunner(
    reader,
    {
      mode: 'each',
      handle: (event) => {
        if (event.stream.startsWith(prefix)) stopwatch.arrived((event.data as Sample).quantity);
      },
    },
    { startFrom: 'end' },
  );
  await runner.start();
  await runner.waitFor(await reader.events.head());
  const { type, metadata } = sampleEvent(1);
  const latencies = await offer(
    events,
    (index) => writer.events.append(`${prefix}-${index % 50}`, [{ type, data: numbered(index), metadata }]),
    stopwatch,
  );
  await runner.drain();
  return latencies;
};

/**
 * By hand: an insert, a NOTIFY behind its commit, and whoever listens reads what is behind the last position. All inserts go
 * through one connection: with several, this reader would lose what commits behind a later position.
 */
const liveBare = async (
  writer: BareSqlLog,
  reader: BareSqlLog,
  listener: Client,
  events: number,
): Promise<Latencies> => {
  const prefix = newName();
  const stopwatch = new Stopwatch(events);
  const event = sampleEvent(1);
  let after = String(await writer.appendOne(`${prefix}-first`, 0, event));
  let heard = 0;
  let reading = false;
  const read = async (): Promise<void> => {
    reading = true;
    for (let seen = -1; seen !== heard; ) {
      seen = heard;
      const page = await reader.page(after);
      for (const { stream, data } of page) {
        if (stream.startsWith(`${prefix}-e`)) stopwatch.arrived((data as Sample).quantity);
      }
      after = page.at(-1)?.position ?? after;
    }
    reading = false;
  };
  listener.removeAllListeners('notification');
  listener.on('notification', () => {
    heard += 1;
    if (!reading) void read();
  });
  return offer(
    events,
    async (index) => {
      await writer.appendOne(`${prefix}-e${index}`, 0, { ...event, data: numbered(index) });
      await writer.session.run(`SELECT pg_notify('bench', '')`);
    },
    stopwatch,
  );
};

/** Each run once gives both percentiles of its own events. */
const percentiles = (run: () => Promise<Latencies>): Side['runs'] =>
  [0.5, 0.99].map((part) => async () => percentile(await run(), part));

/** How soon an event that is appended comes to a handler. */
export const live = (scale: number): readonly Group[] => {
  const events = 1_000 * scale;
  const places = ['in one process', 'from one process to another', 'from one process to another over Redis'];
  return [
    {
      needs: ['postgres', 'redis'],
      cases: places.flatMap((place) =>
        ['p50', 'p99'].map((name) => ({
          name: `PostgreSQL, append → handled ${place} at ${offered}/s, ${name}`,
          unit: 'ms',
          better: 'less' as const,
        })),
      ),
      ours: async () => {
        const connectionString = await newDatabase();
        const [writer, reader] = [postgres({ connectionString }), postgres({ connectionString })];
        const withRedis = (): Backend => postgres({ connectionString, redis: redis(addressOf('redis')) });
        const [writerBesideRedis, readerBesideRedis] = [withRedis(), withRedis()];
        const backends = [writer, reader, writerBesideRedis, readerBesideRedis];
        for (const backend of backends) await backend.open();
        return {
          runs: [
            ...percentiles(() => liveOurs(writer, writer, events)),
            ...percentiles(() => liveOurs(writer, reader, events)),
            ...percentiles(() => liveOurs(writerBesideRedis, readerBesideRedis, events)),
          ],
          async close() {
            for (const backend of backends) await backend.close();
          },
        };
      },
      bare: async () => {
        const connectionString = await newDatabase();
        const writer = await BareSqlLog.open(PgSession.open(connectionString, 1));
        const reader = await BareSqlLog.open(PgSession.open(connectionString, 1));
        const listener = new Client({ connectionString });
        listener.on('error', () => undefined);
        await listener.connect();
        await listener.query('LISTEN bench');
        const runs = percentiles(() => liveBare(writer, reader, listener, events));
        return {
          runs: [...runs, ...runs, ...runs],
          async close() {
            await listener.end();
            await writer.close();
            await reader.close();
          },
        };
      },
    },
  ];
};
