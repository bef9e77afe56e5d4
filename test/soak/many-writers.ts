import { postgres } from '@tidemark/adapters/postgres';
import { Client } from 'pg';
import { amongBystanders } from '../postgres/bystanders.js';
import { manyWriters, type ManyWritersResult } from '../postgres/many-writers.js';
import { startOwnPostgres } from '../support/postgres-server.js';
import { progressLine } from './progress.js';

const processes = 4;
const writersEach = 8;

/** How many events an append of the writers commits on average: some have three, some are rolled back. */
const eventsPerAppend = 1.2;

/** What is written in one go; its subscriptions and its check begin anew with the next. */
const eventsPerRound = 250_000;

export interface SoakOptions {
  readonly events: number;
  readonly seed: number;
  /** Ends behind the round in which so much time has passed, in minutes. */
  readonly minutes: number;
  /** Ends behind the present round. */
  readonly signal: AbortSignal;
}

export interface SoakOutcome {
  readonly committed: number;
  readonly lost: number;
  readonly missing: number;
  readonly disordered: number;
}

/**
 * Has 32 writers in 4 processes write until so many events are there, with everything that could hide an event from a reader,
 * while three subscriptions follow; then compares what they saw with what is there.
 */
export const soakManyWriters = async ({
  events,
  seed,
  minutes,
  signal,
}: SoakOptions): Promise<SoakOutcome> => {
  const server = await startOwnPostgres();
  const { connectionString } = server;
  const watcher = new Client({ connectionString });
  await watcher.connect();
  const results: ManyWritersResult[] = [];
  const committed = (): number => results.reduce((sum, result) => sum + result.committed, 0);
  const line = progressLine(events);
  const deadline = performance.now() + minutes * 60_000;
  try {
    await amongBystanders(connectionString, async (appendPrepared) => {
      for (let round = 0; committed() < events && !signal.aborted && performance.now() < deadline; round++) {
        const wanted = Math.min(eventsPerRound, events - committed());
        const appendsEach = Math.ceil(wanted / (processes * writersEach * eventsPerAppend));
        const schema = server.schema();
        const backend = postgres({ connectionString, schema });
        await backend.open();
        await backend.close();
        const timer = setInterval(() => {
          const asked = watcher.query<{ last: string }>(`SELECT last_value AS last FROM ${schema}.positions`);
          asked.then(
            ({ rows }) => line.show(committed() + Number(rows[0]?.last ?? 0)),
            () => undefined,
          );
        }, 1_000);
        try {
          const crowd = {
            connectionString,
            schema,
            processes,
            writersEach,
            appendsEach,
            seed: seed + round * processes,
          };
          const meanwhile = (): Promise<void> =>
            appendPrepared(schema, Math.floor(Math.min(1_000, wanted / 10)));
          results.push(await manyWriters({ ...crowd, meanwhile }));
        } finally {
          clearInterval(timer);
        }
        await watcher.query(`DROP SCHEMA ${schema} CASCADE`);
      }
    });
  } finally {
    line.end();
    await watcher.end();
    await server.close();
  }
  const sum = (of: (result: ManyWritersResult) => number): number =>
    results.reduce((total, result) => total + of(result), 0);
  const all = (counts: readonly number[]): number => counts.reduce((total, count) => total + count, 0);
  return {
    committed: committed(),
    lost: sum(({ lost }) => lost),
    missing: sum(({ missing }) => all(missing)),
    disordered: sum(({ disordered }) => all(disordered)),
  };
};
