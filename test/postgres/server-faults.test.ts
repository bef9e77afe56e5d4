import { randomBytes } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { ConnectionLostError, postgres } from '@tidemark/adapters/postgres';
import {
  type Application,
  type Backend,
  createApp,
  Event,
  On,
  Processor,
  StoreUnavailableError,
  type Transaction,
} from '@tidemark/core';
import { Projection, type TableContext } from '@tidemark/projections';
import { Client } from 'pg';
import { startOwnPostgres, type OwnTestServer } from '../support/postgres-server.js';

@Event({ name: 'faults.counted' })
class Counted {
  constructor(readonly n: number) {}
}

const seen = new Set<number>();

@Processor({ name: 'seer' })
class Seer {
  @On() counted(event: Counted): void {
    seen.add(event.n);
  }
}

@Projection({ kind: 'table', name: 'sums', tables: ['sums'] })
class Sums {
  async setup(tx: Transaction, { sums }: Record<'sums', string>): Promise<void> {
    await tx.query(`CREATE TABLE ${sums} (n integer NOT NULL)`);
  }
  /** Without a key: what is handled twice is there twice. */
  @On() async counted({ n }: Counted, tx: Transaction, { tables }: TableContext): Promise<void> {
    await tx.query(`INSERT INTO ${tables['sums']} VALUES ($1)`, [n]);
  }
}

describe('an application on a server in trouble', () => {
  let server: OwnTestServer;
  let admin: Client;
  let backend: Backend;
  let app: Application;
  let schema = '';
  let next = 0;
  let last = 0n;

  beforeAll(async () => {
    server = await startOwnPostgres({ max_connections: '40' });
  }, 60_000);
  afterAll(() => server.close());
  const connectAdmin = async (): Promise<void> => {
    admin = new Client({ connectionString: server.connectionString });
    admin.on('error', () => undefined);
    await admin.connect();
  };
  beforeEach(async () => {
    schema = server.schema();
    seen.clear();
    next = 0;
    backend = postgres({
      connectionString: server.connectionString,
      schema,
      pollMs: 50,
      connectTimeoutMs: 1_500,
      statementTimeoutMs: 1_000,
    });
    app = createApp({ backend, register: [Counted, Seer, Sums] });
    await app.start();
    await connectAdmin();
    await append();
  });
  afterEach(async () => {
    await app.stop();
    await admin.query('DROP TABLE "sums@1" CASCADE');
    await admin.end();
  });

  const append = async (): Promise<void> => {
    const n = next;
    ({ position: last } = await backend.events.append('numbers', [
      { type: 'faults.counted', data: new Counted(n) },
    ]));
    next += 1;
  };
  /** Appends until one fails, and gives its error. */
  const failure = async (): Promise<unknown> => {
    for (;;) {
      try {
        await append();
      } catch (error) {
        return error;
      }
    }
  };
  const until = async (condition: () => boolean): Promise<void> => {
    while (!condition()) await wait(10);
  };
  /** As a caller does that knows of outages: again, until the store is there. */
  const retried = async <Result>(work: () => Promise<Result>): Promise<Result> => {
    for (;;) {
      try {
        return await work();
      } catch (error) {
        if (!(error instanceof StoreUnavailableError)) throw error;
      }
    }
  };
  /** All was handled, by the projection once, and nobody had to help. */
  const isWell = async (): Promise<void> => {
    await retried(append);
    await app.waitFor(last, { timeoutMs: 20_000 });
    await until(() => app.health().status === 'up');
    const found = await retried(async () => {
      const data: unknown[] = [];
      for await (const batch of backend.events.readStream('numbers'))
        data.push(...batch.map((event) => event.data));
      return data;
    });
    const handled = [...seen].map((n) => ({ n })).toSorted((one, other) => one.n - other.n);
    expect(new Set(found.map((data) => JSON.stringify(data))).size).toBeGreaterThanOrEqual(next);
    expect(handled).toEqual(
      found.filter(
        (data, index) => found.findIndex((d) => JSON.stringify(d) === JSON.stringify(data)) === index,
      ),
    );
    const sums = await retried(() => backend.transaction((tx) => tx.query('SELECT n FROM "sums@1"')));
    expect(sums.rows).toHaveLength(found.length);
  };

  it.each(['fast', 'immediate', 'kill'] as const)(
    'pitfall 13: goes on by itself after the server was stopped (%s), and says why it stood still',
    async (how) => {
      await (how === 'kill' ? server.kill() : server.shutDown(how));
      expect(await failure()).toBeInstanceOf(StoreUnavailableError);
      // One after another they find out: the connection for wake-ups, then those of processors.
      await until(() => /PostgreSQL at 127\.0\.0\.1:\d+/.test(app.health().reasons.join(' ')));
      expect(app.health().status).not.toBe('up');
      await server.start();
      await admin.end();
      await connectAdmin();
      await isWell();
    },
  );

  it('goes on when every connection was terminated while idle', async () => {
    for (let round = 1; round <= 3; round++) {
      await admin.query(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'",
      );
      await isWell();
      expect(app.health()).toMatchObject({ status: 'up', reasons: [] });
    }
  });

  it('goes on when the server may be written to again', async () => {
    const setReadOnly = async (value: 'on' | 'off'): Promise<void> => {
      await admin.query(`ALTER ROLE postgres SET default_transaction_read_only = ${value}`);
      await admin.query(
        'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = $1 AND pid <> pg_backend_pid()',
        ['tidemark'],
      );
    };
    await setReadOnly('on');
    try {
      // What was under way when the connections were ended is told first.
      let error = await failure();
      while (error instanceof ConnectionLostError) error = await failure();
      expect(error).toMatchObject({
        name: 'StoreUnavailableError',
        message: expect.stringContaining('25006'),
      });
      await expect(
        backend.transaction((tx) => tx.append([{ stream: 'other', events: [{ type: 'T', data: 1 }] }])),
      ).rejects.toThrow(StoreUnavailableError);
    } finally {
      await admin.query('ALTER ROLE postgres RESET default_transaction_read_only');
    }
    // Connections that were told it before are not used again.
    await isWell();
  });

  it('goes on when there are connections again', async () => {
    const others: Client[] = [];
    await admin.query(
      'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = $1 AND pid <> pg_backend_pid()',
      ['tidemark'],
    );
    try {
      for (;;) {
        const client = new Client({ connectionString: server.connectionString });
        client.on('error', () => undefined);
        others.push(client);
        await client.connect();
      }
    } catch (error) {
      expect(error).toMatchObject({ code: '53300' });
    }
    const calls = await Promise.allSettled(
      Array.from({ length: 20 }, () => backend.transaction((tx) => tx.query('SELECT pg_sleep(0.2)'))),
    );
    const errors = calls.flatMap((call) => (call.status === 'rejected' ? [call.reason] : []));
    expect(errors.filter((error) => !(error instanceof StoreUnavailableError))).toEqual([]);
    await Promise.all(others.map((client) => client.end().catch(() => undefined)));
    await isWell();
  });

  it('writes nothing of an append for which there is no room, and goes on when there is', async () => {
    const large = (): string => randomBytes(300_000).toString('hex');
    const appendLarge = (name: string) =>
      backend.events.append(name, [
        { type: 'T', data: 'small' },
        { type: 'T', data: large() },
      ]);
    for (let n = 0; n < 25; n++) await appendLarge(`full-${n}`);
    await server.setFull(true);
    let error: unknown;
    let failed = '';
    for (let n = 0; n < 40 && error === undefined; n++) {
      failed = `fuller-${n}`;
      error = await appendLarge(failed).then(
        () => undefined,
        (reason: unknown) => reason,
      );
    }
    expect(error).toBeInstanceOf(StoreUnavailableError);
    expect(await backend.events.streamVersion(failed)).toBeUndefined();
    await server.setFull(false);
    expect(await appendLarge(failed)).toMatchObject({ version: 1 });
    await isWell();
  });

  it('an append that waits for a lock for too long fails by a typed error, and its neighbours do not', async () => {
    await admin.query(
      `BEGIN; SELECT ${schema}.append_one('locked', -2, false, ARRAY[gen_random_uuid()], ARRAY['T'], ARRAY[1], ARRAY['1'::json], ARRAY['{}'::json], NULL)`,
    );
    const waiting = backend.events.append('locked', [{ type: 'T', data: 2 }]);
    const outcome = waiting.then(
      () => undefined,
      (reason: unknown) => reason,
    );
    await Promise.all(
      Array.from({ length: 10 }, (_, n) => backend.events.append(`free-${n}`, [{ type: 'T', data: 1 }])),
    );
    expect(await outcome).toMatchObject({ name: 'SqlError', sqlState: '57014' });
    await admin.query('COMMIT');
    expect(await backend.events.append('locked', [{ type: 'T', data: 2 }])).toMatchObject({ version: 1 });
    await isWell();
  });

  it('waits while transactions hold all connections, and goes on: subscriptions and checkpoints too', async () => {
    const outcomes = await Promise.allSettled(
      Array.from({ length: 20 }, () => backend.transaction((tx) => tx.query('SELECT pg_sleep(0.1)'))),
    );
    const errors = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason] : []));
    expect(errors.filter((error) => !(error instanceof StoreUnavailableError))).toEqual([]);
    await isWell();
  });
});
