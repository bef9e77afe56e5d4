import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { postgres } from '@tidemark/adapters/postgres';
import { ConcurrencyError, StreamTombstonedError, type AppendResult } from '@tidemark/core';
import { Client } from 'pg';
import { startPostgres, type TestServer } from '../support/postgres-server.js';

const event = { type: 'T', data: 1 };

describe.each([0, 2])(
  'an append, with %i others in the same turn, that waits for another transaction',
  (others) => {
    let server: TestServer | undefined;
    let connectionString = '';

    beforeAll(async () => {
      server = await startPostgres();
      ({ connectionString } = server);
    }, 60_000);
    afterAll(() => server?.close());

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
        const neighbours = Promise.all(
          Array.from({ length: others }, (_, n) => backend.events.append(`neighbour-${n}`, [event])),
        );
        for (let waiting = 0; waiting === 0; ) {
          const { rows } = await client.query<{ readonly count: number }>(
            'SELECT count(*)::integer FROM pg_locks WHERE NOT granted AND pg_backend_pid() = ANY (pg_blocking_pids(pid))',
          );
          waiting = rows[0]?.count ?? 0;
        }
        await client.query(end);
        expect((await neighbours).map(({ version }) => version)).toEqual(
          Array.from({ length: others }, () => 0),
        );
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
  },
);

describe('appends of many callers to the same streams', () => {
  it('from two processes, in opposite orders, never wait for each other in a circle, and each version is there once', async () => {
    const server = await startPostgres();
    const schema = server.schema();
    const backends = [1, 2].map(() => postgres({ connectionString: server.connectionString, schema }));
    for (const backend of backends) await backend.open();
    const streams = Array.from({ length: 200 }, (_, n) => `s${n}`);
    const rounds = 25;
    const deadlocks = async (): Promise<unknown> => {
      const client = new Client({ connectionString: server.connectionString });
      await client.connect();
      const { rows } = await client.query(
        'SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()',
      );
      await client.end();
      return rows;
    };
    const before = await deadlocks();
    for (let round = 0; round < rounds; round++) {
      await Promise.all(
        backends.flatMap(({ events }, index) =>
          (index === 0 ? streams : streams.toReversed()).map((stream) => events.append(stream, [event])),
        ),
      );
    }
    for (const stream of streams) {
      expect(await backends[0]?.events.streamVersion(stream)).toBe(2 * rounds - 1);
    }
    // Connections that end have told all that they counted.
    for (const backend of backends) await backend.close();
    const after = await deadlocks();
    await server.close();
    expect(after).toEqual(before);
  });
});
