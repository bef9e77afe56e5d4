import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { postgres, type PostgresOptions } from '@tidemark/adapters/postgres';
import { StoreUnavailableError } from '@tidemark/core';
import { selfSigned } from '../support/eventstoredb/self-signed.js';
import { startOwnPostgres, type OwnTestServer } from '../support/postgres-server.js';

describe('PostgreSQL over TLS', () => {
  const certificate = selfSigned();
  const other = selfSigned();
  let server: OwnTestServer;
  let folder = '';

  beforeAll(async () => {
    server = await startOwnPostgres({}, certificate);
    folder = await mkdtemp(join(tmpdir(), 'tidemark-tls-'));
    await writeFile(join(folder, 'ca.pem'), certificate.cert);
    await writeFile(join(folder, 'other.pem'), other.cert);
  }, 60_000);
  afterAll(async () => {
    await server.close();
    await rm(folder, { recursive: true, force: true });
  });

  const withCa = (name: string): string => {
    const url = new URL(server.connectionString);
    url.searchParams.set('sslmode', 'verify-full');
    url.searchParams.set('sslrootcert', join(folder, name));
    return url.href;
  };

  it.each([
    [
      'verify-full and the certificate of the authority in the connection string',
      () => ({ connectionString: withCa('ca.pem') }),
    ],
    ['options of TLS', () => ({ connectionString: server.connectionString, ssl: { ca: certificate.cert } })],
  ] as const)('serves with %s, wake-ups included', async (_, options) => {
    const schema = server.schema();
    // Far longer than a test may take: what comes was not polled for.
    const open = async () => {
      const backend = postgres({ ...options(), schema, pollMs: 600_000 });
      await backend.open();
      return backend;
    };
    const [writer, reader] = [await open(), await open()];
    const encrypted = await writer.transaction((tx) =>
      tx.query<{ readonly all: boolean; readonly count: number }>(
        `SELECT bool_and(s.ssl) AS all, count(*)::integer AS count FROM pg_stat_ssl s JOIN pg_stat_activity a USING (pid)
           WHERE a.application_name = 'tidemark'`,
      ),
    );
    expect(encrypted.rows[0]?.all).toBe(true);
    const subscription = reader.events.subscribe();
    await writer.events.append('a', [{ type: 'T', data: 1 }]);
    for await (const { events } of subscription) if (events.length > 0) break;
    await writer.close();
    await reader.close();
  });

  it.each([
    ['another authority', () => ({ connectionString: withCa('other.pem') })],
    ['no authority at all', () => ({ connectionString: server.connectionString, ssl: true })],
  ] as const)('is refused with %s, and nothing secret is told', async (_, options) => {
    const given: PostgresOptions = { ...options(), schema: server.schema(), connectTimeoutMs: 300 };
    const error: unknown = await postgres(given)
      .open()
      .catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(StoreUnavailableError);
    expect(error).toMatchObject({
      message: expect.stringMatching(/127\.0\.0\.1:\d+\/postgres .*(self-signed|signature|certificate)/i),
    });
    const told = `${String(error)} ${(error as Error).stack} ${JSON.stringify(error, Object.getOwnPropertyNames(error))} ${String((error as Error).cause)}`;
    expect(told).not.toContain(new URL(server.connectionString).password);
    expect(told).not.toContain('BEGIN');
  });

  it('is refused where the certificate is for another host', async () => {
    const error: unknown = await postgres({
      connectionString: server.connectionString,
      ssl: { ca: certificate.cert, host: '127.0.0.2', servername: 'elsewhere.example' },
      connectTimeoutMs: 300,
    })
      .open()
      .catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(StoreUnavailableError);
    expect(error).toMatchObject({ message: expect.stringMatching(/elsewhere\.example/) });
  });

  it('refuses a certificate of the authority that is not there when it is made', () => {
    expect(() => postgres({ connectionString: withCa('nowhere.pem') })).toThrow(/cannot be read/);
  });
});
