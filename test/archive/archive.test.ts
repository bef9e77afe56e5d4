import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { pglite } from '@tidemark/adapters/pglite';
import { postgres, type ArchiveProgress, type SqlBackend } from '@tidemark/adapters/postgres';
import { ConfigurationError, InvalidArgumentError, TransactionError } from '@tidemark/core';
import { manualClock } from '@tidemark/core/testing';
import { Client } from 'pg';
import { underLoad } from '../postgres/load.js';
import { startPostgres, type TestServer } from '../support/postgres-server.js';

let server: TestServer | undefined;
let connectionString = '';
beforeAll(async () => {
  server = await startPostgres();
  ({ connectionString } = server);
}, 60_000);
afterAll(() => server?.close());

const newSchema = (): string => server?.schema() ?? '';

const using = async <Result>(work: (client: Client) => Promise<Result>): Promise<Result> => {
  const client = new Client({ connectionString });
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
};

const withBackend = async (
  work: (backend: SqlBackend, schema: string) => Promise<void>,
  schema = newSchema(),
): Promise<void> => {
  const backend = postgres({ connectionString, schema });
  await backend.open();
  try {
    await work(backend, schema);
  } finally {
    await backend.close();
  }
};

/** So many events in each of so many streams, one after another. */
const fill = async (backend: SqlBackend, streams: number, each: number): Promise<void> => {
  for (let n = 0; n < streams; n++) {
    const events = Array.from({ length: each }, (_, data) => ({ type: 'T', data }));
    await backend.events.append(`s-${n}`, events);
  }
};

const countIn = (schema: string, table: string): Promise<number> =>
  using(async (client) => {
    const { rows } = await client.query<{ count: number }>(
      `SELECT count(*)::integer AS count FROM ${schema}.${table}`,
    );
    return rows[0]?.count ?? 0;
  });

const positions = async (backend: SqlBackend): Promise<readonly bigint[]> => {
  const found: bigint[] = [];
  for await (const batch of backend.events.readAll()) found.push(...batch.map(({ position }) => position));
  return found;
};

const upTo = (last: number): readonly bigint[] => Array.from({ length: last }, (_, n) => BigInt(n + 1));

describe('archiving', () => {
  it('moves all events up to a position but the last of each stream, and tells how far it has come', async () => {
    await withBackend(async (backend, schema) => {
      await fill(backend, 4, 25);
      const steps: ArchiveProgress[] = [];
      const result = await backend.archive({
        upTo: 60n,
        batchSize: 20,
        onProgress: (progress) => void steps.push(progress),
      });
      expect(result).toMatchObject({
        position: 60n,
        upTo: 60n,
        handled: 60,
        total: 60,
        archived: 58,
        remainingMs: 0,
      });
      expect(steps.map(({ position, handled }) => [position, handled])).toEqual([
        [20n, 20],
        [40n, 40],
        [60n, 60],
      ]);
      expect(steps[0]?.remainingMs).toBeGreaterThan(0);
      expect(steps[0]?.perSecond).toBeGreaterThan(0);
      expect(steps.at(-1)).toEqual(result);
      expect(await countIn(schema, 'archived_events')).toBe(58);
      expect(await positions(backend)).toEqual(upTo(100));

      // Behind it only what was left: two last events, and what was not asked for.
      expect(await backend.archive({ upTo: 10_000n })).toMatchObject({
        position: 100n,
        handled: 42,
        archived: 38,
      });
      expect(await backend.archive({ after: 100n, upTo: 200n })).toMatchObject({
        handled: 0,
        archived: 0,
        total: 0,
      });
    });
  });

  it('by age, moves what is old enough by the clock, and ends where nothing is', async () => {
    const clock = manualClock();
    const backend = postgres({ connectionString, schema: newSchema(), clock });
    await backend.open();
    try {
      await fill(backend, 1, 10);
      await clock.advance(60_000);
      await fill(backend, 1, 30);
      expect(await backend.archive({ olderThanMs: 60_001 })).toMatchObject({ archived: 0 });
      expect(await backend.archive({ olderThanMs: 59_000, batchSize: 5 })).toMatchObject({
        archived: 10,
        handled: 15,
        position: 15n,
      });
      expect(await backend.archive({ olderThanMs: 0 })).toMatchObject({ archived: 0 });
      await clock.advance(1);
      expect(await backend.archive({ olderThanMs: 0 })).toMatchObject({ archived: 29 });
      expect(await positions(backend)).toEqual(upTo(40));
    } finally {
      await backend.close();
    }
  });

  it('judges age by the database’s clock', async () => {
    await withBackend(async (backend) => {
      await fill(backend, 1, 10);
      expect(await backend.archive({ olderThanMs: 3_600_000 })).toMatchObject({ archived: 0 });
      await using((client) => client.query('SELECT pg_sleep(0.002)'));
      expect(await backend.archive({ olderThanMs: 1 })).toMatchObject({ archived: 9 });
    });
  });

  it('ends when it is aborted or its listener fails, keeps what is done, and goes on from there', async () => {
    await withBackend(async (backend) => {
      await fill(backend, 2, 50);
      await expect(backend.archive({ upTo: 100n, signal: AbortSignal.abort() })).rejects.toThrow('aborted');
      const controller = new AbortController();
      const reason = new Error('enough');
      await expect(
        backend.archive({
          upTo: 100n,
          batchSize: 10,
          signal: controller.signal,
          onProgress: ({ position }) => (position === 30n ? controller.abort(reason) : undefined),
        }),
      ).rejects.toBe(reason);
      await expect(
        backend.archive({ upTo: 100n, batchSize: 10, onProgress: () => Promise.reject(reason) }),
      ).rejects.toBe(reason);
      expect(await positions(backend)).toEqual(upTo(100));
      expect(await backend.archive({ upTo: 100n })).toMatchObject({ archived: 58 });
      expect(await positions(backend)).toEqual(upTo(100));
    });
  });

  it('refuses what makes no sense', async () => {
    const backend = pglite();
    await backend.open();
    try {
      await expect(backend.archive({})).rejects.toThrow(InvalidArgumentError);
      for (const options of [
        { upTo: 5 as never },
        { upTo: 5n, after: 1 as never },
        { olderThanMs: -1 },
        { olderThanMs: Number.NaN },
        { olderThanMs: 1e14 },
        { upTo: 5n, batchSize: 0 },
        { upTo: 5n, batchSize: 1.5 },
        { upTo: 5n, batchSize: 100_001 },
      ]) {
        await expect(backend.archive(options)).rejects.toThrow(InvalidArgumentError);
      }
      await backend.transaction(async () => {
        await expect(backend.archive({ upTo: 5n })).rejects.toThrow(TransactionError);
      });
    } finally {
      await backend.close();
    }
  });

  it('on PGlite, clears away what it leaves in the table of new events', async () => {
    const backend = pglite();
    await backend.open();
    try {
      await fill(backend, 2, 4_000);
      const size = (): Promise<number> =>
        backend.transaction(async (tx) => {
          const { rows } = await tx.query<{ size: number }>(
            "SELECT pg_relation_size('tidemark.events')::integer AS size",
          );
          return rows[0]?.size ?? 0;
        });
      const before = await size();
      await backend.archive({ upTo: 8_000n });
      await fill(backend, 2, 4_000);
      expect(await size()).toBeLessThan(before * 1.2);
    } finally {
      await backend.close();
    }
  });
});

describe('archiving beside everything else', () => {
  it('loses, repeats and reorders nothing for appenders and subscriptions, several at once', async () => {
    await withBackend(async (backend, schema) => {
      const another = postgres({ connectionString, schema });
      await another.open();
      let archived = 0;
      const result = await underLoad(backend.events, 8, async (progress) => {
        while (progress() < 1_500) {
          const results = await Promise.all(
            [backend, another].map((each) => each.archive({ upTo: 2n ** 60n, batchSize: 50 })),
          );
          for (const each of results) archived += each.archived;
        }
      });
      await another.close();
      expect(result).toMatchObject({ failed: 0, lost: [], halves: [], missed: 0, disordered: 0 });
      expect(archived).toBeGreaterThan(1_000);
      expect(await countIn(schema, 'archived_events')).toBe(archived);
    });
  });

  it('whoever reads page by page meets every event once, however it is moved meanwhile', async () => {
    await withBackend(async (backend) => {
      await fill(backend, 5, 200);
      for (const direction of ['forwards', 'backwards'] as const) {
        const seen: bigint[] = [];
        let archivedTo = direction === 'forwards' ? 0n : 500n;
        for await (const batch of backend.events.readAll({ direction, batchSize: 7 })) {
          seen.push(...batch.map(({ position }) => position));
          archivedTo += 6n;
          await backend.archive({ upTo: archivedTo, after: archivedTo - 6n });
        }
        expect(direction === 'forwards' ? seen : seen.toReversed()).toEqual(upTo(1_000));
      }
    });
  });

  it('killed in the middle, has moved whole batches; the next one goes on', async () => {
    const schema = newSchema();
    await withBackend(async (backend) => fill(backend, 10, 2_000), schema);
    const child = spawn(
      process.execPath,
      [
        '--import',
        './test/support/from-source.mjs',
        'test/archive/archiving-process.ts',
        connectionString,
        schema,
      ],
      { cwd: resolve(import.meta.dirname, '../..'), stdio: ['ignore', 'pipe', 'inherit'] },
    );
    const exited = once(child, 'exit');
    let lines = 0;
    for await (const _ of createInterface(child.stdout)) {
      lines += 1;
      if (lines === 20) child.kill('SIGKILL');
    }
    await exited;
    const archived = await countIn(schema, 'archived_events');
    expect(archived).toBeGreaterThan(0);
    expect(archived).toBeLessThan(19_000);
    await withBackend(async (backend) => {
      expect(await positions(backend)).toEqual(upTo(20_000));
      await backend.archive({ upTo: 20_000n });
      expect(await positions(backend)).toEqual(upTo(20_000));
      expect(await countIn(schema, 'events')).toBe(10);
    }, schema);
  });
});

describe('the tablespace of the archive', () => {
  const tablespace = `archive_${process.pid}`;

  const tablespaces = (schema: string): Promise<readonly unknown[]> =>
    using(async (client) => {
      const { rows } = await client.query<{ name: string }>(
        `SELECT DISTINCT coalesce(t.spcname, 'none')::text AS name FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
           LEFT JOIN pg_tablespace t ON t.oid = c.reltablespace
           WHERE n.nspname = $1 AND c.relname LIKE 'archived_events%' AND c.relkind IN ('r', 'i')`,
        [schema],
      );
      return rows.map(({ name }) => name);
    });

  it('is the one that was asked for, from the beginning or while the archive is empty; else opening says what to run', async () => {
    await using(async (client) => {
      await client.query('SET allow_in_place_tablespaces = on');
      await client.query(`CREATE TABLESPACE ${tablespace} LOCATION ''`);
    });
    const schema = newSchema();
    const options = { connectionString, schema, archiveTablespace: tablespace };
    await withBackend(async () => undefined, schema);
    await expect(postgres({ ...options, autoMigrate: false }).open()).rejects.toThrow('SET TABLESPACE');
    const backend = postgres(options);
    await backend.open();
    await fill(backend, 2, 10);
    await backend.archive({ upTo: 20n });
    await backend.close();
    expect(await tablespaces(schema)).toEqual([tablespace]);
    await backend.open();
    expect(await positions(backend)).toEqual(upTo(20));
    await backend.close();

    const elsewhere = postgres({ ...options, archiveTablespace: 'pg_default' });
    await expect(elsewhere.open()).rejects.toThrow(ConfigurationError);
    const error: unknown = await elsewhere.open().catch((reason: unknown) => reason);
    const [, sql = ''] = /archived events: (.*)$/.exec(String(error)) ?? [];
    await using((client) => client.query(sql));
    await elsewhere.open();
    await elsewhere.close();
    expect(await tablespaces(schema)).toEqual(['none']);
    await using((client) => client.query(`DROP TABLESPACE ${tablespace}`));
  });
});

describe('what reads cost', () => {
  it('is that of index scans, merged where there is an order, and none looks through the archive', async () => {
    await withBackend(async (backend, schema) => {
      await fill(backend, 20, 1_000);
      await backend.archive({ upTo: 12_000n });
      await using(async (client) => {
        await client.query('SET plan_cache_mode = force_generic_plan');
        const explain = async (sql: string, ...values: readonly string[]): Promise<string> => {
          await client.query(`PREPARE statement AS ${sql.replaceAll('{schema}', schema)}`);
          const { rows } = await client.query<{ 'QUERY PLAN': string }>(
            `EXPLAIN EXECUTE statement(${values.join(', ')})`,
          );
          await client.query('DEALLOCATE statement');
          return rows.map((row) => row['QUERY PLAN']).join('\n');
        };
        const page = await explain(
          'SELECT * FROM {schema}.all_events WHERE position >= $1::bigint AND position <= $2::bigint ORDER BY position LIMIT $3::bigint',
          '1',
          '20000',
          '500',
        );
        expect(page).toMatch(/Merge Append/);
        expect(page).toMatch(/Index Scan using events_pkey/);
        expect(page).toMatch(/Index Scan using archived_events_pkey/);
        expect(page).not.toMatch(/Seq Scan|Sort Method|->  Sort/);
        const stream = await explain(
          'SELECT * FROM {schema}.all_events WHERE stream = $1::text AND version >= $2::integer ORDER BY version DESC LIMIT $3::bigint',
          "'s-1'",
          '0',
          '500',
        );
        expect(stream).toMatch(/Merge Append/);
        expect(stream).not.toMatch(/Seq Scan|->  Sort/);
        const found = await explain(
          'SELECT * FROM {schema}.all_events WHERE id = $1::uuid AND stream = $2::text',
          'gen_random_uuid()',
          "'s-1'",
        );
        expect(found).toMatch(/archived_events_id/);
        expect(found).not.toMatch(/Seq Scan/);
      });
    });
  });
});
