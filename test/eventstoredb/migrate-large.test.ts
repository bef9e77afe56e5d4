import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { text } from 'node:stream/consumers';
import { stripVTControlCharacters } from 'node:util';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { eventStoreDb } from '@tidemark/adapters/eventstoredb';
import { postgres } from '@tidemark/adapters/postgres';
import { digestLog, memory, originOf, type Backend, type LogDigest, type NewEvent } from '@tidemark/core';
import {
  startEventStoreDb,
  startTestEventStoreDb,
  type EventStoreDb,
} from '../support/eventstoredb/start.js';
import { startOwnPostgres, type OwnTestServer } from '../support/postgres-server.js';

/*
 * The command of examples/migrate, as a process of its own, moves a log from EventStoreDB to PostgreSQL and from there into another
 * EventStoreDB, and is killed again and again. `EVENTS=100000 KILLS=20 npm test -- migrate-large` does more.
 */

const count = Number(process.env['EVENTS'] ?? 20_000);
/** How often it is killed in all: half of it on each way. */
const kills = Number(process.env['KILLS'] ?? 6);
const seed = Number(process.env['SEED'] ?? Math.floor(Math.random() * 2 ** 31));

/** The same random numbers for the same seed (mulberry32). */
const randomFrom = (state: number) => (): number => {
  state = (state + 0x6d_2b_79_f5) | 0;
  let value = Math.imul(state ^ (state >>> 15), 1 | state);
  value = (value + Math.imul(value ^ (value >>> 7), 61 | value)) ^ value;
  return ((value ^ (value >>> 14)) >>> 0) / 4_294_967_296;
};
const random = randomFrom(seed);

let folder = '';
let first: EventStoreDb;
let last: EventStoreDb;
let between: OwnTestServer;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tidemark-migrate-'));
  // The one that `EVENTSTOREDB_URL` names is the first, so it must be empty; the other is always one for tests.
  [first, last, between] = await Promise.all([
    startEventStoreDb(),
    startTestEventStoreDb(),
    startOwnPostgres(),
  ]);
}, 120_000);
afterAll(async () => {
  await Promise.all([first.close(), last.close(), between.close()]);
  await rm(folder, { recursive: true, force: true });
});

const withStore = async <Result>(
  backend: Backend,
  work: (backend: Backend) => Promise<Result>,
): Promise<Result> => {
  await backend.open();
  try {
    return await work(backend);
  } finally {
    await backend.close();
  }
};

/** Appends of up to a hundred events each, to a few thousand streams, as fast as the server takes them. */
const fill = async ({ events }: Backend): Promise<void> => {
  let next = 0;
  const write = async (): Promise<void> => {
    while (next < count) {
      const from = next;
      const size = Math.min(count - from, 1 + Math.floor(random() * 100));
      next += size;
      const batch = Array.from({ length: size }, (_, index): NewEvent => {
        const number = from + index;
        return {
          type: number % 3 === 0 ? 'Paid' : 'Placed',
          schemaVersion: 1 + (number % 2),
          data: { number, text: 'ünï\u0000\uD800'.repeat(number % 5) },
          metadata: { correlationId: `c${number}`, userId: 'u' },
        };
      });
      await events.append(`stream-${Math.floor(random() * 2_000)}`, batch);
    }
  };
  await Promise.all(Array.from({ length: 16 }, write));
};

/** So long the command may take for all the events, however slow the machine: then it is taken to hang, in milliseconds. */
const longestMs = 50_000 + count * 2;

/** Runs the command to its end; or, if a moment is given, kills it then: so long after it has begun to copy. */
const migrateOnce = async (parameters: readonly string[], killAfterMs?: number) => {
  const child = spawn(
    process.execPath,
    ['--import', './test/support/from-source.mjs', 'examples/migrate/src/main.ts', ...parameters],
    {
      cwd: resolve(import.meta.dirname, '../..'),
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { PATH: process.env['PATH'] },
    },
  );
  const exited = once(child, 'exit');
  const errors = text(child.stderr);
  let output = '';
  let timer: NodeJS.Timeout | undefined;
  let isOverdue = false;
  const watchdog = setTimeout(() => {
    isOverdue = true;
    child.kill('SIGKILL');
  }, longestMs);
  for await (const chunk of child.stdout) {
    output += stripVTControlCharacters(String(chunk));
    if (killAfterMs !== undefined && output.includes('Copying'))
      timer ??= setTimeout(() => child.kill('SIGKILL'), killAfterMs);
  }
  const [code, signal] = await exited;
  clearTimeout(timer);
  clearTimeout(watchdog);
  output += await errors;
  if (isOverdue) {
    throw new Error(`Seed ${seed}: not done after ${longestMs / 1_000} s:\n${output.slice(-2_000)}`);
  }
  return { code, signal, output };
};

/** Kills the command so many times, each time somewhere else on its way, and then lets it end. */
const migrateKilled = async (parameters: readonly string[], times: number) => {
  let killed = 0;
  let lately = '';
  for (let run = 0; run < times; run += 1) {
    const { signal, output } = await migrateOnce(parameters, random() * 600);
    if (signal === 'SIGKILL') killed += 1;
    lately = /\d+ %[^]*?left/.exec(output)?.[0] ?? lately;
  }
  const { code, output } = await migrateOnce(parameters);
  expect({ seed, code, output }).toMatchObject({
    code: 0,
    output: expect.stringContaining(`${count} in `),
  });
  if (killed > 0) expect(lately).toMatch(/^\d+ %, [\d,]+ of about [\d,]+ events, .* left$/);
  return { killed, digest: /digest (\w+)/.exec(output)?.[1] };
};

const versionsOf = async ({ events }: Backend, streams: readonly string[]): Promise<readonly unknown[]> => {
  const versions: unknown[] = [];
  for (const stream of streams) versions.push(await events.streamVersion(stream));
  return versions;
};

const some = ({ streams }: LogDigest): readonly string[] =>
  [...streams.keys()].filter((_, index) => index % 20 === 0);

it(`${count} events go from EventStoreDB to PostgreSQL and back, killed ${kills} times (SEED=${seed})`, async () => {
  const began = Date.now();
  const since = (): string => `${((Date.now() - began) / 1_000).toFixed(1)} s`;
  const stores = {
    first: () => eventStoreDb({ connectionString: first.connectionString, state: memory() }),
    between: () => postgres({ connectionString: between.connectionString }),
    last: () => eventStoreDb({ connectionString: last.connectionString, state: memory() }),
  };
  await withStore(stores.first(), fill);
  const filled = since();
  const there = ['--name', 'there', '--from', first.connectionString, '--to', between.connectionString];
  const onceThere = await migrateKilled(there, Math.ceil(kills / 2));
  const gone = since();
  const back = ['--name', 'back', '--from', between.connectionString, '--to', last.connectionString];
  const onceBack = await migrateKilled([...back, '--state', between.connectionString], Math.floor(kills / 2));
  const returned = since();

  const look = (backend: Backend): Promise<{ digest: LogDigest; versions: readonly unknown[] }> =>
    withStore(backend, async (opened) => {
      const digest = await digestLog(opened.events);
      return { digest, versions: await versionsOf(opened, some(digest)) };
    });
  const original = await look(stores.first());
  expect(original.digest.count).toBe(count);
  // The command has compared PostgreSQL with both of them, event by event.
  expect([onceThere.digest, onceBack.digest]).toEqual([original.digest.digest, original.digest.digest]);
  expect(await withStore(stores.between(), (backend) => versionsOf(backend, some(original.digest)))).toEqual(
    original.versions,
  );
  expect(await look(stores.last())).toEqual(original);
  await withStore(stores.last(), async ({ events }) => {
    for await (const [event] of events.readAll({ limit: 1 })) {
      expect(event && originOf(event)).toMatchObject({ migration: 'back', before: { migration: 'there' } });
    }
  });
  process.stdout.write(
    `seed ${seed}: filled after ${filled}, there after ${gone} (${onceThere.killed} kills), back after ${returned} ` +
      `(${onceBack.killed} kills), compared after ${since()}\n`,
  );
  expect(onceThere.killed + onceBack.killed).toBeGreaterThan(kills / 2);
}, 900_000);
