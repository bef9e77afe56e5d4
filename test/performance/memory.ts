import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { postgres } from '@tidemark/adapters/postgres';
import { Client } from 'pg';
import type { Group, Side } from './harness.js';
import { sampleEvent } from './sample-events.js';
import { newDatabase } from './stores.js';

/** Runs one figure in a process of its own, which has nothing else in its memory. */
const figureOf = async (mode: string, connectionString: string, events: number): Promise<number> => {
  const { stdout } = await promisify(execFile)(process.execPath, [
    '--expose-gc',
    '--import',
    new URL('../support/from-source.mjs', import.meta.url).href,
    fileURLToPath(new URL('memory-process.ts', import.meta.url)),
    mode,
    connectionString,
    String(events),
  ]);
  return Number(stdout);
};

/** A database with so many events, written in a moment by SQL. */
const preparedDatabase = async (events: number): Promise<string> => {
  const connectionString = await newDatabase();
  const backend = postgres({ connectionString });
  await backend.open();
  await backend.close();
  const { type, data, metadata } = sampleEvent(1);
  const client = new Client({ connectionString });
  await client.connect();
  await client.query(
    `INSERT INTO tidemark.events
       SELECT nextval('tidemark.positions'), 'order-' || n % 1000, n / 1000, gen_random_uuid(), $1, 1, $2::json, $3::json, now()
         FROM generate_series(0, $4::integer - 1) n`,
    [type, JSON.stringify(data), JSON.stringify(metadata), events],
  );
  await client.query('VACUUM ANALYZE tidemark.events');
  await client.end();
  return connectionString;
};

/** Memory, and what those cost who only wait. */
export const memory = (scale: number): readonly Group[] => {
  const events = 1_000_000 * scale;
  const side = (which: 'Ours' | 'Bare') => async (): Promise<Side> => {
    const connectionString = await preparedDatabase(events);
    return {
      runs: ['catchUp', 'idleSize', 'idleStatements'].map(
        (what) => () => figureOf(`${what}${which}`, connectionString, events),
      ),
    };
  };
  const better = 'less';
  return [
    {
      needs: ['postgres'],
      rounds: 3,
      cases: [
        { name: `PostgreSQL, most memory while catching up ${events} events`, unit: 'MB', better },
        { name: 'PostgreSQL, memory of 100 idle subscriptions', unit: 'MB', better },
        { name: 'PostgreSQL, 100 idle subscriptions', unit: 'statements a second', better },
      ],
      ours: side('Ours'),
      bare: side('Bare'),
    },
  ];
};
