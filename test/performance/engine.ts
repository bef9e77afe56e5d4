import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { memory } from '@tidemark/core';
import { withRoundTrips } from './engine/batches.js';
import { manyLive } from './engine/many-live.js';
import { type Latencies, percentile } from './engine/paced.js';
import { urgentInPQueue, urgentOurs } from './engine/urgent.js';
import type { Group, Side } from './harness.js';
import { onPostgres } from './stores.js';

/** Runs one figure in a process of its own, which has nothing else in its memory. */
const backlogFigure = async (side: 'ours' | 'bare', events: number): Promise<number> => {
  const { stdout } = await promisify(execFile)(process.execPath, [
    '--import',
    new URL('../support/from-source.mjs', import.meta.url).href,
    fileURLToPath(new URL('engine/backlog-process.ts', import.meta.url)),
    side,
    String(events),
  ]);
  return Number(stdout);
};

/** A run for each percentile. */
const percentilesOf = (measure: () => Promise<Latencies>, parts: readonly number[]): Side['runs'] =>
  parts.map((part) => async () => percentile(await measure(), part));

const better = 'less';

/** Latency of a hundred processors at a rate, beside that of ten: each event is for one in ten of them. */
const manyProcessors = (scale: number): readonly Group[] => {
  const events = 20_000 * scale;
  const processors = 100;
  const cases = (store: string): Group['cases'] =>
    ['p50', 'p99'].map((part) => ({
      name: `${store}, ${processors} processors at 10,000 events/s, ${part}, against 10 processors`,
      unit: 'ms',
      better,
    }));
  const side = (open: typeof onPostgres.ours, count: number) => async (): Promise<Side> => {
    const backend = await open();
    return {
      runs: percentilesOf(() => manyLive(backend, count, events), [0.5, 0.99]),
      close: () => backend.close(),
    };
  };
  const openMemory = async () => memory();
  return [
    {
      rounds: 5,
      cases: cases('memory'),
      ours: side(openMemory, processors),
      bare: side(openMemory, 10),
    },
    {
      needs: onPostgres.needs,
      rounds: 5,
      cases: cases('PostgreSQL'),
      ours: side(onPostgres.ours, processors),
      bare: side(onPostgres.ours, 10),
    },
  ];
};

/** The processing engine: many processors, lanes, batches and memory. */
export const engine = (scale: number): readonly Group[] => {
  const backlog = 20_000 * scale;
  const waiting = 1_000_000 * scale;
  const few = 4_000 * scale;
  return [
    ...manyProcessors(scale),
    {
      rounds: 3,
      cases: [{ name: `a backlog of ${waiting} events, most memory, against p-queue`, unit: 'MB', better }],
      ours: async () => ({ runs: [() => backlogFigure('ours', waiting)] }),
      bare: async () => ({ runs: [() => backlogFigure('bare', waiting)] }),
    },
    {
      cases: [
        { name: `100 critical events behind ${backlog} others, against p-queue`, unit: 'ms', better },
        { name: `100 critical events behind ${backlog} others, against no priorities`, unit: 'ms', better },
        {
          name: `${few} events with a round trip of 1 ms for each call, in batches, against one by one`,
          unit: 'events',
        },
      ],
      ours: async () => ({
        runs: [
          () => urgentOurs(backlog, true),
          () => urgentOurs(backlog, true),
          () => withRoundTrips(few, 'in batches'),
        ],
      }),
      bare: async () => ({
        runs: [
          () => urgentInPQueue(backlog),
          () => urgentOurs(backlog, false),
          () => withRoundTrips(few, 'one by one'),
        ],
      }),
    },
  ];
};
