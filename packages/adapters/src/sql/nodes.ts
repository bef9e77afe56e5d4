import { checkNode } from '@tidemark/core';
import type { AnnouncedNode, Clock, NodeStore } from '@tidemark/core';
import type { SqlRow, SqlSession } from './driver.js';
import type { SchemaNames } from './schema-names.js';
import { later, now } from './store-time.js';
import { timeOf } from './text-time.js';

/** How long a node that did not withdraw stays in the table, where it is listed no more. */
const keptInterval = "interval '1 hour'";

const nodeOf = ([id, name, version, address, load, processors, startedAt]: SqlRow): AnnouncedNode => ({
  id: id as string,
  name: name as string,
  ...(version === null ? {} : { version }),
  ...(address === null ? {} : { address }),
  ...(load === null ? {} : { load: Number(load) }),
  ...(typeof processors === 'string' ? { processors: JSON.parse(processors) } : {}),
  startedAt: timeOf(startedAt as string),
});

/** Nodes in a table. Time is the database's; only tests give a clock. */
export class SqlNodeStore implements NodeStore {
  readonly #session: SqlSession;
  readonly #table: string;
  readonly #clock: Clock | undefined;

  constructor(session: SqlSession, names: SchemaNames, clock: Clock | undefined) {
    this.#session = session;
    this.#table = `${names.quoted}.nodes`;
    this.#clock = clock;
  }

  async announce(node: AnnouncedNode, ttlMs: number): Promise<void> {
    checkNode(node, ttlMs);
    const { id, name, version, address, load, processors, startedAt } = node;
    await this.#session.run(
      `WITH gone AS MATERIALIZED (
         SELECT id FROM ${this.#table} WHERE expires_at < ${now} - ${keptInterval} AND id <> $2::text FOR UPDATE SKIP LOCKED
       ), removed AS (
         DELETE FROM ${this.#table} n USING gone WHERE n.id = gone.id
       )
       INSERT INTO ${this.#table} (id, name, version, address, load, processors, started_at, expires_at)
         VALUES ($2::text, $3::text, $4::text, $5::text, $6::float8, $7::json, $8::timestamptz, ${later('$9')})
         ON CONFLICT (id) DO UPDATE
           SET name = excluded.name, version = excluded.version, address = excluded.address, load = excluded.load,
               processors = excluded.processors, started_at = excluded.started_at, expires_at = excluded.expires_at`,
      [
        this.#now(),
        id,
        name,
        version ?? null,
        address ?? null,
        load === undefined ? null : String(load),
        processors === undefined ? null : JSON.stringify(processors),
        startedAt.toISOString(),
        String(ttlMs),
      ],
    );
  }

  async withdraw(id: string): Promise<void> {
    await this.#session.run(`DELETE FROM ${this.#table} WHERE id = $1::text`, [id]);
  }

  async list(): Promise<readonly AnnouncedNode[]> {
    const { rows } = await this.#session.run(
      `SELECT id, name, version, address, load, processors, date_part('epoch', started_at)
         FROM ${this.#table} WHERE expires_at > ${now} ORDER BY started_at, id`,
      [this.#now()],
    );
    return rows.map(nodeOf);
  }

  #now(): string | null {
    return this.#clock?.now().toISOString() ?? null;
  }
}
