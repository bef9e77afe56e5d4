import { checkAcquire, checkDuration, LeaseLostError } from '@tidemark/core';
import type { AcquireOptions, Clock, Lease, LeaseFence, LeaseStatus, LeaseStore } from '@tidemark/core';
import { plainArray, textArray } from './array-literal.js';
import type { SqlRow, SqlSession } from './driver.js';
import type { SchemaNames } from './schema-names.js';
import { later, now } from './store-time.js';

const leaseOf = ([name, owner, epoch]: SqlRow): Lease => ({
  name: name as string,
  owner: owner as string,
  epoch: Number(epoch),
});

/**
 * Leases in a table. Time is the database's; only tests give a clock.
 *
 * Who fences a transaction by a lease locks its row FOR KEY SHARE. The epoch belongs to a unique index, so that changing it,
 * as a new owner does, waits for that lock, while renewing, which does not, goes on beside it.
 */
export class SqlLeaseStore implements LeaseStore, LeaseFence {
  readonly #session: SqlSession;
  readonly #table: string;
  readonly #clock: Clock | undefined;

  constructor(session: SqlSession, names: SchemaNames, clock: Clock | undefined) {
    this.#session = session;
    this.#table = `${names.quoted}.leases`;
    this.#clock = clock;
  }

  async acquire(options: AcquireOptions): Promise<readonly Lease[]> {
    checkAcquire(options);
    const { names, owner, ttlMs } = options;
    if (names.length === 0) return [];
    const { rows } = await this.#session.run(
      `WITH wanted AS MATERIALIZED (
         SELECT DISTINCT name COLLATE "C" AS name FROM unnest($2::text[]) AS w(name)
       ), own AS MATERIALIZED (
         SELECT l.name FROM ${this.#table} l JOIN wanted USING (name)
           WHERE l.owner = $3::text ORDER BY l.name FOR NO KEY UPDATE OF l
       ), kept AS (
         UPDATE ${this.#table} l SET expires_at = ${later('$4')}
           FROM own WHERE l.name = own.name
           RETURNING l.name, l.epoch
       ), free AS MATERIALIZED (
         -- One that a transaction is fenced by is passed over: waiting for it would hold up all others.
         SELECT l.name FROM ${this.#table} l JOIN wanted USING (name)
           WHERE l.owner IS NULL OR (l.owner <> $3::text AND l.expires_at <= ${now})
           ORDER BY l.name FOR UPDATE OF l SKIP LOCKED
       ), taken AS (
         UPDATE ${this.#table} l SET owner = $3::text, epoch = l.epoch + 1, expires_at = ${later('$4')}
           FROM free WHERE l.name = free.name
           RETURNING l.name, l.epoch
       ), made AS (
         INSERT INTO ${this.#table} (name, owner, epoch, expires_at)
           SELECT name, $3::text, 1, ${later('$4')} FROM wanted
             WHERE NOT EXISTS (SELECT FROM ${this.#table} l WHERE l.name = wanted.name) ORDER BY name
           -- Whichever of the unique indexes the race is told by.
           ON CONFLICT DO NOTHING
           RETURNING name, epoch
       )
       SELECT name, $3::text, epoch
         FROM (SELECT * FROM kept UNION ALL SELECT * FROM taken UNION ALL SELECT * FROM made) had ORDER BY name`,
      [this.#now(), textArray(names), owner, String(ttlMs)],
    );
    return rows.map(leaseOf);
  }

  async renew(leases: readonly Lease[], ttlMs: number): Promise<readonly Lease[]> {
    checkDuration(ttlMs, 'ttlMs');
    if (leases.length === 0) return [];
    const { rows } = await this.#session.run(
      `WITH held AS MATERIALIZED (
         SELECT l.name FROM ${this.#table} l JOIN unnest($2::text[], $3::text[], $4::bigint[]) AS h(name, owner, epoch)
           ON l.name = h.name AND l.owner = h.owner AND l.epoch = h.epoch
           ORDER BY l.name FOR NO KEY UPDATE OF l
       ), renewed AS (
         UPDATE ${this.#table} l SET expires_at = ${later('$5')}
           FROM held WHERE l.name = held.name
           RETURNING l.name, l.owner, l.epoch
       )
       SELECT name, owner, epoch FROM renewed ORDER BY name`,
      [this.#now(), ...listed(leases), String(ttlMs)],
    );
    return rows.map(leaseOf);
  }

  async release(leases: readonly Lease[]): Promise<void> {
    if (leases.length === 0) return;
    await this.#session.run(
      `WITH held AS MATERIALIZED (
         SELECT l.name FROM ${this.#table} l JOIN unnest($2::text[], $3::text[], $4::bigint[]) AS h(name, owner, epoch)
           ON l.name = h.name AND l.owner = h.owner AND l.epoch = h.epoch
           ORDER BY l.name FOR NO KEY UPDATE OF l
       )
       UPDATE ${this.#table} l SET owner = NULL, expires_at = ${later('0')} FROM held WHERE l.name = held.name`,
      [this.#now(), ...listed(leases)],
    );
  }

  async list(prefix = ''): Promise<readonly LeaseStatus[]> {
    const { rows } = await this.#session.run(
      `SELECT name, owner, epoch, greatest(date_part('epoch', expires_at - ${now}) * 1000, 0)
         FROM ${this.#table} WHERE name >= $2::text AND starts_with(name, $2::text) ORDER BY name`,
      [this.#now(), prefix],
    );
    return rows.map(([name, owner, epoch, remaining]) => ({
      name: name as string,
      owner: owner ?? undefined,
      epoch: Number(epoch),
      remainingMs: owner === null ? 0 : Math.ceil(Number(remaining)),
    }));
  }

  async hold(...leases: readonly Lease[]): Promise<void> {
    if (leases.length === 0) return;
    const { rows } = await this.#session.run(
      `SELECT l.name, l.owner, l.epoch
         FROM ${this.#table} l JOIN unnest($1::text[], $2::text[], $3::bigint[]) AS h(name, owner, epoch)
           ON l.name = h.name AND l.owner = h.owner AND l.epoch = h.epoch
         ORDER BY l.name FOR KEY SHARE OF l`,
      listed(leases),
    );
    const held = new Set(rows.map((row) => keyOf(leaseOf(row))));
    const lost = leases.find((lease) => !held.has(keyOf(lease)));
    if (lost !== undefined) throw new LeaseLostError(lost);
  }

  #now(): string | null {
    return this.#clock?.now().toISOString() ?? null;
  }
}

/** Three parameters: names, owners and epochs. */
const listed = (leases: readonly Lease[]): readonly string[] => [
  textArray(leases.map(({ name }) => name)),
  textArray(leases.map(({ owner }) => owner)),
  plainArray(leases.map(({ epoch }) => epoch)),
];

const keyOf = ({ name, owner, epoch }: Lease): string => JSON.stringify([name, owner, epoch]);
