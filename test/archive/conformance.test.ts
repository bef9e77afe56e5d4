import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { pglite } from '@tidemark/adapters/pglite';
import { postgres } from '@tidemark/adapters/postgres';
import { backendConformance, eventStoreConformance } from '@tidemark/core/testing';
import { Client } from 'pg';
import { postgresConformance } from '../postgres/conformance-suites.js';
import { startPostgres } from '../support/postgres-server.js';
import { archivingBackend } from './archiving-backend.js';

describe('PostgreSQL, whose events are archived after each append', () => {
  let archived = 0;

  postgresConformance({
    start: startPostgres,
    make: (options) => archivingBackend(postgres(options)),
    async atEnd(connectionString, schema) {
      const client = new Client({ connectionString });
      await client.connect();
      const { rows } = await client.query<{ count: number }>(
        `SELECT count(*)::integer AS count FROM ${schema}.archived_events`,
      );
      await client.end();
      archived = rows[0]?.count ?? 0;
    },
  });

  afterAll(() => expect(archived).toBeGreaterThan(1_000));
});

describe('PGlite, whose events are archived after each append', () => {
  const backend = archivingBackend(pglite());
  const staysOpen = async (): Promise<void> => undefined;

  beforeAll(() => backend.open());
  afterAll(() => backend.close());

  eventStoreConformance({ describe, it, create: async () => ({ store: backend.events, close: staysOpen }) });
  backendConformance({ describe, it, create: async () => ({ backend, close: staysOpen }) });
});
