import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { postgres } from '@tidemark/adapters/postgres';
import { ConcurrencyError, StreamTombstonedError, type AppendResult } from '@tidemark/core';
import { Client } from 'pg';
import { startPostgres, type TestServer } from '../support/postgres-server.js';

describe('an append that waits for another transaction', () => {
  let server: TestServer | undefined;
  let connectionString = '';

  beforeAll(async () => {
    server = await startPostgres();
    ({ connectionString } = server);
  }, 60_000);
  afterAll(() => server?.close());

  const event = { type: 'T', data: 1 };

  /** Appends to stream `a` while the statement's transaction is open, and has that end when the append waits for it. */
  const appendBehind = async (
    statement: string,
    end: 'COMMIT' | 'ROLLBACK',
    append: { readonly id?: string; readonly expectedVersion?: number | 'any' },
  ): Promise<AppendResult> => {
    const schema = server?.schema() ?? '';
    const backend = postgres({ connectionString, schema });
    await backend.open();
    const client = new Client({ connectionString });
    await client.connect();
    try {
      await backend.events.append('a', [event]);
      await client.query(`SET search_path = ${schema}; BEGIN; ${statement}`);
      const { id, expectedVersion = 'any' } = append;
      const outcome = backend.events.append('a', [{ ...event, id }], { expectedVersion });
      outcome.catch(() => undefined);
      for (let waiting = 0; waiting === 0; ) {
        const { rows } = await client.query<{ readonly count: number }>(
          'SELECT count(*)::integer FROM pg_locks WHERE NOT granted AND pg_backend_pid() = ANY (pg_blocking_pids(pid))',
        );
        waiting = rows[0]?.count ?? 0;
      }
      await client.query(end);
      return await outcome;
    } finally {
      await client.end();
      await backend.close();
    }
  };

  const appendAnother = `SELECT append_one('a', 0, false, ARRAY[gen_random_uuid()], ARRAY['T'], ARRAY[1], ARRAY['1'::json], ARRAY['{}'::json], NULL)`;

  it.each([undefined, '00000000-0000-4000-8000-000000000001'])(
    'never lands behind a tombstone (id %s)',
    async (id) => {
      const attempt = appendBehind(
        "SELECT delete_stream('a', -2, true)",
        'COMMIT',
        id === undefined ? {} : { id },
      );
      await expect(attempt).rejects.toThrow(StreamTombstonedError);
    },
  );

  it('goes on when the deletion is rolled back', async () => {
    expect(await appendBehind("SELECT delete_stream('a', -2, true)", 'ROLLBACK', {})).toMatchObject({
      version: 1,
    });
  });

  it('at any version, comes behind the one that was first', async () => {
    expect(await appendBehind(appendAnother, 'COMMIT', {})).toMatchObject({
      version: 2,
      alreadyAppended: false,
    });
  });

  it('at an expected version, is told of the one that was first', async () => {
    await expect(appendBehind(appendAnother, 'COMMIT', { expectedVersion: 0 })).rejects.toEqual(
      new ConcurrencyError('a', 0, 1),
    );
    expect(await appendBehind(appendAnother, 'ROLLBACK', { expectedVersion: 0 })).toMatchObject({
      version: 1,
    });
  });
});
