import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { postgres, type SqlBackend } from '@tidemark/adapters/postgres';
import { jsonCodec, type EventFilter, type RecordedEvent } from '@tidemark/core';
import { Client } from 'pg';
import type { SqlParameter, SqlRows, SqlSession } from '../../packages/adapters/src/sql/driver.js';
import { EventRows } from '../../packages/adapters/src/sql/events/event-rows.js';
import { LogPages } from '../../packages/adapters/src/sql/events/log-page.js';
import { SchemaNames } from '../../packages/adapters/src/sql/schema-names.js';
import { startPostgres, type TestServer } from '../support/postgres-server.js';

const length = 300_000;

/** Most positions that one statement may look at. */
const bound = 10_000;

/** What is found only at both ends and in the middle. */
const rare = `n IN (7, 150000, ${length})`;

/** One node of a plan, as EXPLAIN writes it. */
interface PlanNode {
  readonly 'Node Type': string;
  readonly 'Relation Name'?: string;
  readonly 'Actual Rows': number;
  readonly 'Actual Loops': number;
  readonly 'Rows Removed by Filter'?: number;
  readonly Plans?: readonly PlanNode[];
}

const nodesOf = (node: PlanNode): readonly PlanNode[] => [node, ...(node.Plans ?? []).flatMap(nodesOf)];

/** How many rows of the tables of events a plan has looked at, and by which kinds of scan. */
const lookedAt = (plan: PlanNode): { readonly rows: number; readonly scans: readonly string[] } => {
  const scans = nodesOf(plan).filter((node) => node['Relation Name']?.endsWith('events') === true);
  const rows = scans.map(
    (node) => (node['Actual Rows'] + (node['Rows Removed by Filter'] ?? 0)) * node['Actual Loops'],
  );
  return { rows: rows.reduce((sum, each) => sum + each, 0), scans: scans.map((node) => node['Node Type']) };
};

/** Runs each statement, and again with an account of what it looked at. */
class ExplainingSession implements SqlSession {
  readonly accounts: { readonly rows: number; readonly scans: readonly string[] }[] = [];
  readonly #client: Client;

  constructor(client: Client) {
    this.#client = client;
  }

  async run(text: string, parameters: readonly SqlParameter[]): Promise<SqlRows> {
    const values = [...parameters];
    const explained = await this.#client.query<{ 'QUERY PLAN': readonly [{ readonly Plan: PlanNode }] }>(
      `EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) ${text}`,
      values,
    );
    for (const row of explained.rows) this.accounts.push(lookedAt(row['QUERY PLAN'][0].Plan));
    const { rows, rowCount } = await this.#client.query<(string | null)[]>({
      text,
      values,
      rowMode: 'array',
      types: { getTypeParser: () => (value: string) => value },
    });
    return { rows, affectedRows: rowCount ?? 0 };
  }

  async script(): Promise<void> {
    throw new Error('not used');
  }

  async query(): Promise<never> {
    throw new Error('not used');
  }
}

describe('filters over a long log', () => {
  let server: TestServer | undefined;
  let connectionString = '';
  let schema = '';
  let backend: SqlBackend = postgres({ connectionString: 'postgres://nowhere' });

  beforeAll(async () => {
    server = await startPostgres();
    ({ connectionString } = server);
    schema = server.schema();
    backend = postgres({ connectionString, schema, maxConnections: 1, pollMs: 100 });
    await backend.open();
    const client = new Client({ connectionString });
    await client.connect();
    await client.query(`
      INSERT INTO ${schema}.events
        SELECT nextval('${schema}.positions'), CASE WHEN ${rare} THEN 'rare-' || n ELSE 'common-' || n % 1000 END, n / 1000,
               gen_random_uuid(), CASE WHEN ${rare} THEN 'rare' ELSE 'common' END, 1, ('{"n":' || n || '}')::json,
               CASE WHEN ${rare} THEN '{"tenant":"rare"}' ELSE '{"tenant":"common"}' END::json,
               '2030-01-01Z'::timestamptz + CASE WHEN ${rare} THEN interval '1 year' ELSE interval '0' END
          FROM generate_series(1, ${length}) n;
      ANALYZE ${schema}.events`);
    await client.end();
  }, 120_000);
  afterAll(async () => {
    await backend.close();
    await server?.close();
  });

  const filters: readonly (readonly [string, EventFilter])[] = [
    ['type', { types: ['rare'] }],
    ['stream prefix', { streamPrefixes: ['rare-'] }],
    ['metadata', { metadata: { tenant: 'rare' } }],
    ['time', { recordedFrom: new Date('2030-06-01T00:00:00Z') }],
    ['all of them', { types: ['rare'], streamPrefixes: ['rare'], recordedBefore: new Date('2040-01-01') }],
  ];
  const wanted = [7n, 150_000n, BigInt(length)];

  const search = async (
    filter: EventFilter | undefined,
    direction: 'forwards' | 'backwards',
  ): Promise<{ readonly found: readonly bigint[]; readonly session: ExplainingSession }> => {
    const client = new Client({ connectionString });
    await client.connect();
    const session = new ExplainingSession(client);
    const pages = new LogPages(session, new SchemaNames(schema), new EventRows(jsonCodec), jsonCodec);
    const found: bigint[] = [];
    let rest = { from: 1n, to: BigInt(length) };
    while (rest.from <= rest.to) {
      const page = await pages.fetch(rest, 500, direction, filter);
      found.push(...pages.decode(page, filter).map(({ position }) => position));
      ({ rest } = page);
      if (filter === undefined) break;
    }
    await client.end();
    return { found, session };
  };

  it.each(filters)(
    'pitfall 18: by %s, no statement looks at more than its bound, by index only',
    async (_, filter) => {
      for (const direction of ['forwards', 'backwards'] as const) {
        const { found, session } = await search(filter, direction);
        expect(direction === 'forwards' ? found : found.toReversed()).toEqual(wanted);
        expect(session.accounts).toHaveLength(length / bound);
        for (const { rows, scans } of session.accounts) {
          expect(rows).toBeGreaterThan(0);
          expect(rows).toBeLessThanOrEqual(bound);
          expect(scans).not.toContain('Seq Scan');
        }
      }
    },
  );

  it('pitfall 18: without a filter, a page looks at what it gives, and the archive gives its part', async () => {
    const { session } = await search(undefined, 'backwards');
    expect(session.accounts).toHaveLength(1);
    expect(session.accounts[0]?.rows).toBeLessThanOrEqual(501);
  });

  it('pitfall 18: a subscription tells of its progress through what does not match, so that it can be checkpointed', async () => {
    const positions: bigint[] = [];
    const events: RecordedEvent[] = [];
    for await (const batch of backend.events.subscribe({ filter: { types: ['rare'] } })) {
      positions.push(batch.position);
      events.push(...batch.events);
      if (batch.caughtUp) break;
    }
    expect(events.map(({ position }) => position)).toEqual(wanted);
    expect(positions.length).toBeGreaterThanOrEqual(length / bound);
    const steps = positions.map((position, index) => position - (positions[index - 1] ?? 0n));
    expect(Math.max(...steps.map(Number))).toBeLessThanOrEqual(bound);
  });

  it('pitfall 18: whoever searches through all of it lets others do their work meanwhile, on the same connection even', async () => {
    let ended = false;
    const searching = (async () => {
      const found: RecordedEvent[] = [];
      for await (const batch of backend.events.readAll({ filter: { types: ['absent'] } }))
        found.push(...batch);
      ended = true;
      return found;
    })();
    const appended = [];
    for (let n = 0; n < 3; n++) {
      const { position } = await backend.events.append('other', [{ type: 'common', data: n }]);
      appended.push({ position, ended });
    }
    expect(appended).toEqual([1n, 2n, 3n].map((n) => ({ position: BigInt(length) + n, ended: false })));
    expect(await searching).toEqual([]);
  });

  it('pitfall 18: the same holds when most of the log is archived', async () => {
    const { archived } = await backend.archive({ upTo: 200_000n, batchSize: 20_000 });
    expect(archived).toBeGreaterThan(199_000);
    const { found, session } = await search({ types: ['rare'] }, 'forwards');
    expect(found).toEqual(wanted);
    for (const { rows, scans } of session.accounts) {
      expect(rows).toBeLessThanOrEqual(bound);
      expect(scans).not.toContain('Seq Scan');
    }
  });
});
