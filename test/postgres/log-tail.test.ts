import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { postgres } from '@tidemark/adapters/postgres';
import type { Backend, SubscriptionBatch } from '@tidemark/core';
import { Client, Pool } from 'pg';
import { startPostgres, type TestServer } from '../support/postgres-server.js';

const event = { type: 'T', data: 1 };

let server: TestServer | undefined;
let connectionString = '';
beforeAll(async () => {
  server = await startPostgres();
  ({ connectionString } = server);
}, 60_000);
afterAll(() => server?.close());

interface Rig {
  readonly backend: Backend;
  /** A connection of the test's own. */
  readonly client: Client;
  readonly schema: string;
  /** How many statements the backend has sent. */
  readonly statements: () => number;
}

/** @param wakeUps false for no looks but those that this process asks for */
const using = async (work: (rig: Rig) => Promise<void>, pollMs?: number, wakeUps = true): Promise<void> => {
  const schema = server?.schema() ?? '';
  const pool = new Pool({ connectionString });
  // What breaks while nobody uses it.
  pool.on('error', () => undefined);
  let statements = 0;
  pool.on('connect', (connected) => {
    const query = connected.query.bind(connected);
    Object.assign(connected, {
      query: (...parameters: Parameters<typeof query>) => {
        statements += 1;
        return query(...parameters);
      },
    });
  });
  const backend = postgres({ pool, schema, pollMs, transactionPooler: !wakeUps });
  const client = new Client({ connectionString });
  await backend.open();
  await client.connect();
  try {
    await work({ backend, client, schema, statements: () => statements });
  } finally {
    await backend.close();
    await client.end();
    await pool.end();
  }
};

const puller = (backend: Backend, types?: readonly string[]) => {
  const batches = backend.events.subscribe({ filter: { types } })[Symbol.asyncIterator]();
  const next = async (): Promise<SubscriptionBatch | undefined> => {
    const { value, done } = await batches.next();
    return done === true ? undefined : value;
  };
  return {
    next,
    /** Pulls until it has come to a position, and gives the positions of all events on the way. */
    async upTo(position: bigint): Promise<readonly bigint[]> {
      const seen: bigint[] = [];
      for (;;) {
        const batch = await next();
        if (batch === undefined) return seen;
        seen.push(...batch.events.map((one) => one.position));
        if (batch.position >= position) return seen;
      }
    },
  };
};

/** Longer than any test takes. */
const never = 600_000;
const types = (index: number): readonly string[] | undefined => (index % 2 === 0 ? undefined : ['Never']);

describe('the tail of the log', () => {
  it('costs two statements an append, one of them the append, however many follow it', () =>
    using(
      async ({ backend, statements }) => {
        const all = Array.from({ length: 100 }, (_, index) => puller(backend, types(index)));
        await Promise.all(all.map((one) => one.next()));
        const before = statements();
        const seen = Promise.all(all.map((one) => one.upTo(1n)));
        await backend.events.append('a', [event]);
        expect((await seen).map((positions) => positions.length)).toEqual(
          all.map((_, index) => 1 - (index % 2)),
        );
        expect(statements() - before).toBe(2);
      },
      never,
      false,
    ));

  it('100 subscriptions that have nothing to do ask the database once per poll, all together', async () => {
    const pollMs = 20;
    await using(async ({ backend, statements }) => {
      await backend.events.append('a', [event]);
      const all = Array.from({ length: 100 }, (_, index) => puller(backend, types(index)));
      await Promise.all(all.map((one) => one.upTo(1n)));
      const waiting = Promise.all(all.map((one) => one.next()));
      const start = performance.now();
      const before = statements();
      while (statements() < before + 20) await new Promise((resolve) => setTimeout(resolve, pollMs));
      // The first may have been under way, or due; a timer may fire a millisecond early.
      const most = (performance.now() - start) / (pollMs - 1) + 2;
      expect(statements() - before).toBeLessThanOrEqual(most);
      // 500 ms by default: two looks a second.
      await backend.close();
      expect(await waiting).toEqual(all.map(() => undefined));
    }, pollMs);
  });

  it('pitfall 5: reads in a statement behind the one that looked for writers: a commit in between is seen', () =>
    using(async ({ client, schema }) => {
      // A writer that begins first and commits while the look waits between its two steps, in a place made for that.
      const writer = new Client({ connectionString });
      await writer.connect();
      await client.query(`ALTER FUNCTION ${schema}.safe_position() RENAME TO safe_position_itself`);
      await client.query(
        `CREATE FUNCTION ${schema}.safe_position() RETURNS bigint LANGUAGE plpgsql VOLATILE AS $$
         DECLARE v_safe bigint;
         BEGIN
           PERFORM pg_advisory_lock_shared(77);
           PERFORM pg_advisory_unlock_shared(77);
           v_safe := ${schema}.safe_position_itself();
           PERFORM pg_advisory_lock_shared(78);
           PERFORM pg_advisory_unlock_shared(78);
           RETURN v_safe;
         END $$`,
      );
      const append = `SELECT ${schema}.append_one('a', -2, false, ARRAY[gen_random_uuid()], ARRAY['T'], ARRAY[1], ARRAY['1'::json], ARRAY['{}'::json], NULL)`;
      await writer.query('SELECT pg_advisory_lock(77), pg_advisory_lock(78)');
      const looking = client.query<{ readonly o_position: string }>(
        `SELECT * FROM ${schema}.read_safe(0, 10, true)`,
      );
      // It waits at the first place: its statement has begun, and with it the only snapshot of a function that has one.
      const waits = async (key: number): Promise<void> => {
        for (;;) {
          const { rows } = await writer.query(
            "SELECT FROM pg_locks WHERE locktype = 'advisory' AND NOT granted AND objid = $1",
            [key],
          );
          if (rows.length > 0) return;
        }
      };
      await waits(77);
      await writer.query(append);
      await writer.query('SELECT pg_advisory_unlock(77)');
      await waits(78);
      // Committed behind the look for writers: above its ceiling, and left for the next look.
      await writer.query(append);
      await writer.query('SELECT pg_advisory_unlock(78)');
      const { rows } = await looking;
      expect(rows.map(({ o_position }) => o_position)).toEqual(['1', '1']);
      await writer.end();
    }, never));

  it('holds back what lies behind a writer that has not committed, and delivers it when it has', () =>
    using(async ({ backend, client, schema }) => {
      const one = puller(backend);
      await one.next();
      await client.query('BEGIN');
      await client.query(
        `SELECT ${schema}.append_one('slow', -2, false, ARRAY[gen_random_uuid()], ARRAY['T'], ARRAY[1], ARRAY['1'::json], ARRAY['{}'::json], NULL)`,
      );
      const next = one.upTo(2n);
      expect((await backend.events.append('a', [event])).position).toBe(2n);
      expect(await backend.events.head()).toBe(0n);
      await client.query('COMMIT');
      expect(await next).toEqual([1n, 2n]);
    }, 20));

  it('refuses to look at an isolation level at which it would miss events', () =>
    using(async ({ client, schema }) => {
      for (const level of ['REPEATABLE READ', 'SERIALIZABLE']) {
        await client.query(`BEGIN ISOLATION LEVEL ${level}`);
        await expect(client.query(`SELECT * FROM ${schema}.read_safe(0, 10, true)`)).rejects.toMatchObject({
          code: '25000',
        });
        await client.query('ROLLBACK');
      }
    }));

  it('reads the archive too: what is moved there before it was read is not missed', () =>
    using(async ({ backend, client, schema }) => {
      for (let n = 0; n < 4; n++) await backend.events.append('a', [event]);
      await client.query(`SELECT ${schema}.archive_events(0, 4, NULL, 10)`);
      const { rows } = await client.query(`SELECT o_position FROM ${schema}.read_safe(1, 10, false)`);
      expect(rows.map(({ o_position }: { readonly o_position: string }) => o_position)).toEqual([
        '4',
        '2',
        '3',
        '4',
      ]);
    }));
});

describe('the identity of the log', () => {
  const identityOf = async (client: Client, schema: string): Promise<unknown> =>
    (await client.query<{ readonly id: string }>(`SELECT ${schema}.log_identity() AS id`)).rows[0]?.id;

  it('stays the same, and is another for another schema and another epoch', () =>
    using(async ({ client, schema }) => {
      const identity = await identityOf(client, schema);
      expect(identity).toMatch(/^[0-9a-f]{32}$/);
      expect(await identityOf(client, schema)).toBe(identity);
      await client.query(`UPDATE ${schema}.log_epoch SET epoch = epoch + 1`);
      expect(await identityOf(client, schema)).not.toBe(identity);
      await using(async (other) => {
        expect(await identityOf(client, other.schema)).not.toBe(identity);
      });
    }));

  it('may change while subscriptions follow: they go on', () =>
    using(async ({ backend, client, schema }) => {
      const one = puller(backend);
      await one.next();
      await backend.events.append('a', [event]);
      expect(await one.upTo(1n)).toEqual([1n]);
      await client.query(`UPDATE ${schema}.log_epoch SET epoch = epoch + 1`);
      await backend.events.append('a', [event]);

      expect(await one.upTo(2n)).toEqual([2n]);
    }));
});
