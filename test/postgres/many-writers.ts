import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { resolve } from 'node:path';
import { text } from 'node:stream/consumers';
import { postgres } from '@tidemark/adapters/postgres';
import type { EventStore } from '@tidemark/core';
import { Client } from 'pg';

export interface ManyWritersOptions {
  readonly connectionString: string;
  readonly schema: string;
  readonly processes: number;
  readonly writersEach: number;
  readonly appendsEach: number;
  readonly seed: number;
  /** What happens while they write. */
  readonly meanwhile?: (() => Promise<void>) | undefined;
}

/** What was written, and what each subscription saw of it. */
export interface ManyWritersResult {
  readonly committed: number;
  /** Events that were acknowledged and are not there. */
  readonly lost: number;
  /** For each subscription: committed events that it never got, and those it got twice or in another order. */
  readonly missing: readonly number[];
  readonly disordered: readonly number[];
}

const writingProcess = async (options: ManyWritersOptions, index: number): Promise<readonly string[]> => {
  const { connectionString, schema, writersEach, appendsEach, seed } = options;
  const child = spawn(
    process.execPath,
    [
      '--import',
      './test/support/from-source.mjs',
      'test/postgres/writing-process.ts',
      connectionString,
      schema,
      String(writersEach),
      String(appendsEach),
      String(seed + index),
    ],
    { cwd: resolve(import.meta.dirname, '../..'), stdio: ['ignore', 'pipe', 'inherit'] },
  );
  const [output, [code]] = await Promise.all([text(child.stdout), once(child, 'exit')]);
  if (code !== 0) throw new Error(`Seed ${seed}: a writing process ended with ${code}.`);
  return JSON.parse(output) as readonly string[];
};

/** Follows the log to the position, once it is known, and gives the positions of all events in the order they came. */
const follow = async (events: EventStore, end: Promise<bigint>): Promise<readonly bigint[]> => {
  const positions: bigint[] = [];
  let last: bigint | undefined;
  const controller = new AbortController();
  let at = 0n;
  const learn = async (): Promise<void> => {
    last = await end;
    if (at >= last) controller.abort();
  };
  const known = learn();
  for await (const batch of events.subscribe({ signal: controller.signal, batchSize: 50 })) {
    positions.push(...batch.events.map(({ position }) => position));
    at = batch.position;
    if (last !== undefined && at >= last) break;
  }
  await known;
  return positions;
};

/** Has many processes write at once, and three subscriptions follow. */
export const manyWriters = async (options: ManyWritersOptions): Promise<ManyWritersResult> => {
  const { connectionString, schema, processes, meanwhile } = options;
  const backend = postgres({ connectionString, schema, pollMs: 20 });
  await backend.open();
  try {
    const work = Promise.all([
      meanwhile?.(),
      ...Array.from({ length: processes }, (_, index) => writingProcess(options, index)),
    ]);
    const end = work.then(() => backend.events.head());
    const seen = await Promise.all([1, 2, 3].map(() => follow(backend.events, end)));
    const acknowledged = (await work).flatMap((keys) => keys ?? []);

    const client = new Client({ connectionString });
    await client.connect();
    const { rows } = await client.query<{ readonly position: string; readonly data: unknown }>(
      `SELECT position, data FROM ${client.escapeIdentifier(schema)}.events ORDER BY position`,
    );
    await client.end();
    const written = new Set(rows.map(({ data }) => data));
    return {
      committed: rows.length,
      lost: acknowledged.filter((data) => !written.has(data)).length,
      missing: seen.map((positions) => {
        const got = new Set(positions);
        return rows.filter(({ position }) => !got.has(BigInt(position))).length;
      }),
      disordered: seen.map(
        (positions) =>
          positions.filter((position, index) => index > 0 && position <= (positions[index - 1] ?? 0n)).length,
      ),
    };
  } finally {
    await backend.close();
  }
};
