import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { postgres } from '@tidemark/adapters/postgres';
import { StoreUnavailableError, type AppendResult, type Backend } from '@tidemark/core';
import { Client } from 'pg';
import { startOwnPostgres, type OwnTestServer } from '../support/postgres-server.js';

/** Text that cannot be compressed. */
const noise = (): string => randomBytes(900).toString('hex');

describe('a full disk', () => {
  let server: OwnTestServer;
  beforeAll(async () => {
    // A table that is long and empty would be cut short.
    server = await startOwnPostgres({ autovacuum: 'off' });
  }, 60_000);
  afterAll(() => server.close());

  const dataOf = async (backend: Backend): Promise<readonly unknown[]> => {
    const data: unknown[] = [];
    for await (const batch of backend.events.readAll()) data.push(...batch.map((event) => event.data));
    return data;
  };

  it('refuses appends by an error that says so (53100), loses nothing, writes no half, and goes on when there is room', async () => {
    const { connectionString } = server;
    const schema = server.schema();
    const backend = postgres({ connectionString, schema, pollMs: 50 });
    await backend.open();
    const seen: unknown[] = [];
    const subscription = backend.events.subscribe();
    const following = (async () => {
      for await (const { events } of subscription) seen.push(...events.map(({ data }) => data));
    })();

    const acknowledged: string[] = [];
    /** Two events that fit into one page of the table, but not with many others. */
    const append = async (name: string): Promise<AppendResult> => {
      const text = name.padEnd(1_000, '.');
      const result = await backend.events.append(name, [
        { type: 'T', data: `${text} first` },
        { type: 'T', data: `${text} second` },
      ]);
      acknowledged.push(`${text} first`, `${text} second`);
      return result;
    };
    for (let n = 0; n < 20; n++) await append(`before-${n}`);

    const admin = new Client({ connectionString });
    await admin.connect();
    const { rows } = await admin.query<{ readonly file: string }>('SELECT pg_relation_filepath($1) AS file', [
      `${schema}.events`,
    ]);
    await admin.end();
    const file = rows[0]?.file ?? '';
    await server.setTableFull(file, true);

    const errors: unknown[] = [];
    const refused: string[] = [];
    for (let n = 0; errors.length < 5; n++) {
      await append(`full-${n}`).catch((error: unknown) => {
        errors.push(error);
        refused.push(`full-${n}`);
      });
    }
    for (const error of errors) {
      expect(error).toBeInstanceOf(StoreUnavailableError);
      expect(error).toMatchObject({
        message: expect.stringMatching(
          /cannot serve now: .*No space left on device \(53100\)\. Nothing of this was written: make room /,
        ),
      });
    }
    // Several at once, which share a call, and one with what else a transaction wrote.
    const together = await Promise.allSettled(['x', 'y', 'z'].map((name) => append(`together-${name}`)));
    expect(together.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected']);
    await expect(
      backend.transaction(async (tx) => {
        await tx.checkpoints.move({ processor: 'p', segment: 0, previous: undefined, position: 1n });
        await tx.append([{ stream: 'in-transaction', events: [{ type: 'T', data: noise() }] }]);
      }),
    ).rejects.toThrow(StoreUnavailableError);
    expect(await backend.checkpoints.load('p')).toBeUndefined();

    expect(await dataOf(backend)).toEqual(acknowledged);
    for (const name of refused) expect(await backend.events.streamVersion(name)).toBeUndefined();
    // What needs no room of that table goes on.
    await backend.checkpoints.move({ processor: 'p', segment: 0, previous: undefined, position: 1n });

    await server.setTableFull(file, false);
    const cleaner = new Client({ connectionString });
    await cleaner.connect();
    await cleaner.query(
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'",
    );
    await cleaner.end();
    for (const name of refused) expect(await append(name)).toMatchObject({ version: 1 });
    expect(await dataOf(backend)).toEqual(acknowledged);
    while (seen.length < acknowledged.length) await new Promise((resolve) => setTimeout(resolve, 20));
    expect(seen).toEqual(acknowledged);
    await subscription.close();
    await following;
    await backend.close();
  });
});
