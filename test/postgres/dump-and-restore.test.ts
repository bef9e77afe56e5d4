import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { postgres, type SqlBackend } from '@tidemark/adapters/postgres';
import { ConcurrencyError, type RecordedEvent } from '@tidemark/core';
import { Client } from 'pg';
import { startDebianPostgres } from '../support/postgres-server.js';

const run = promisify(execFile);
const schema = 'restored log';
const knownId = '00000000-0000-4000-8000-000000000001';

type Server = Awaited<ReturnType<typeof startDebianPostgres>>;

describe('a log that was dumped by pg_dump and restored by pg_restore', () => {
  let folder = '';
  let server: Server | undefined;
  let another: Server | undefined;
  let original: { readonly events: readonly RecordedEvent[]; readonly head: bigint } | undefined;

  const started = (from: Server | undefined): Server => {
    if (from === undefined) throw new Error('The server was not started.');
    return from;
  };
  const using = async <Result>(
    connectionString: string,
    work: (client: Client) => Promise<Result>,
  ): Promise<Result> => {
    const client = new Client({ connectionString });
    await client.connect();
    try {
      return await work(client);
    } finally {
      await client.end();
    }
  };
  const transactionId = (connectionString: string): Promise<bigint> =>
    using(connectionString, async (client) => {
      const { rows } = await client.query<{ id: string }>('SELECT txid_current()::text AS id');
      return BigInt(rows[0]?.id ?? 0);
    });
  const withBackend = async (
    connectionString: string,
    work: (backend: SqlBackend) => Promise<void>,
  ): Promise<void> => {
    const backend = postgres({ connectionString, schema });
    await backend.open();
    try {
      await work(backend);
    } finally {
      await backend.close();
    }
  };
  const allEvents = async (backend: SqlBackend): Promise<readonly RecordedEvent[]> => {
    const events: RecordedEvent[] = [];
    for await (const batch of backend.events.readAll()) events.push(...batch);
    return events;
  };
  const program = async (name: string, ...args: readonly string[]): Promise<void> => {
    const { bin, env } = started(server).programs;
    await run(join(bin, name), args, { env: { ...process.env, ...env } });
  };

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'tidemark-dump-'));
    [server, another] = await Promise.all([startDebianPostgres(), startDebianPostgres()]);
    const { connectionString } = server;
    // Ten thousand transactions that the new cluster has never had.
    await using(connectionString, async (client) => {
      await client.query(`CREATE TABLE used (n integer); DO $$ BEGIN
        FOR n IN 1 .. 10000 LOOP
          BEGIN INSERT INTO used VALUES (n); EXCEPTION WHEN division_by_zero THEN NULL; END;
        END LOOP;
      END $$`);
    });
    await withBackend(connectionString, async (backend) => {
      for (let n = 0; n < 40; n++) {
        await backend.events.append(`s-${n % 4}`, [
          { type: n % 5 === 0 ? 'rare' : 'common', data: { n, text: 'a\0b\ud800' } },
          { type: 'common', data: n },
        ]);
      }
      await backend.events.append('known', [{ id: knownId, type: 'common', data: 1 }]);
      await backend.events.append('known', [{ type: 'common', data: 2 }]);
      await backend.events.append('gone', [{ type: 'common', data: 1 }]);
      await backend.events.tombstoneStream('gone');
      await backend.checkpoints.move({ processor: 'p', segment: 0, position: 30n, previous: undefined });
      await backend.archive({ upTo: 50n });
      original = { events: await allEvents(backend), head: await backend.events.head() };
    });
    await program('pg_dump', '--format=custom', `--file=${join(folder, 'dump')}`, connectionString);
  }, 180_000);
  afterAll(async () => {
    await Promise.all([server?.close(), another?.close()]);
    await rm(folder, { recursive: true, force: true });
  });

  const places: readonly (readonly [string, () => Promise<string>])[] = [
    [
      'a new cluster, whose transaction ids are far behind',
      async () => {
        const { connectionString } = started(another);
        expect(await transactionId(connectionString)).toBeLessThan(
          (await transactionId(started(server).connectionString)) - 9_000n,
        );
        return connectionString;
      },
    ],
    [
      'another database of the same cluster',
      async () => {
        const { connectionString } = started(server);
        await using(connectionString, (client) => client.query('CREATE DATABASE copy'));
        return connectionString.replace(/postgres$/, 'copy');
      },
    ],
  ];

  it.each(places)('pitfall 26: goes on in %s', async (_, place) => {
    const connectionString = await place();
    await program('pg_restore', '--exit-on-error', `--dbname=${connectionString}`, join(folder, 'dump'));

    await withBackend(connectionString, async (backend) => {
      const { events } = backend;
      expect(original?.events).toHaveLength(83);
      expect(await allEvents(backend)).toEqual(original?.events);
      expect(await events.head()).toBe(original?.head);

      const checkpoint = await backend.checkpoints.load('p');
      expect(checkpoint?.position).toBe(30n);
      const seen: RecordedEvent[] = [];
      const subscription = events.subscribe({ after: checkpoint?.position, filter: { types: ['rare'] } });
      for await (const batch of subscription) {
        seen.push(...batch.events);
        if (batch.caughtUp) break;
      }
      expect(seen).toEqual(
        original?.events.filter(({ type, position }) => type === 'rare' && position > 30n),
      );

      const repeated = await events.append('known', [{ id: knownId, type: 'common', data: 1 }]);
      expect(repeated).toMatchObject({ version: 0, alreadyAppended: true });
      await expect(
        events.append('s-0', [{ type: 'common', data: 'late' }], { expectedVersion: 3 }),
      ).rejects.toThrow(ConcurrencyError);
      await expect(events.append('gone', [{ type: 'common', data: 1 }])).rejects.toThrow('tombstoned');

      const following = events.subscribe({ after: original?.head });
      const next = (async () => {
        for await (const batch of following) {
          const [first] = batch.events;
          if (first !== undefined) return first;
        }
        return undefined;
      })();
      const appended = await events.append('s-0', [{ type: 'common', data: 'new' }], { expectedVersion: 19 });
      expect(appended).toMatchObject({ version: 20, position: (original?.head ?? 0n) + 1n });
      expect(await next).toMatchObject({ data: 'new', position: appended.position });
      await following.close();

      expect((await backend.archive({ upTo: appended.position })).archived).toBeGreaterThan(0);
      expect(await allEvents(backend)).toHaveLength(84);
      await expect(
        using(connectionString, (client) => client.query(`DELETE FROM "${schema}".archived_events`)),
      ).rejects.toThrow('archived events are immutable');
    });
  });
});
