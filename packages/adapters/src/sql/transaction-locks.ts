import { createHash } from 'node:crypto';
import type { TransactionLock } from '@tidemark/core';
import { plainArray } from './array-literal.js';
import type { SqlSession } from './driver.js';
import type { SchemaNames } from './schema-names.js';

/** A lock as PostgreSQL knows it: two numbers. Such locks never meet those with one number, as reservations are. */
interface Key {
  readonly first: number;
  readonly second: number;
  readonly isShared: boolean;
}

/**
 * Advisory locks by name until the end of a transaction. A name is hashed to 64 bits: where two names meet, their takers wait
 * for each other without need, and that is all. They are taken in the order of their numbers, in one statement.
 */
export const takeLocks = async (
  session: SqlSession,
  names: SchemaNames,
  locks: readonly TransactionLock[],
): Promise<void> => {
  const keys = new Map<string, Key>();
  for (const { name, mode } of locks) {
    const hash = createHash('sha256').update(names.name).update('\0').update(name).digest();
    const key = { first: hash.readInt32BE(0), second: hash.readInt32BE(4) };
    const id = `${key.first} ${key.second}`;
    keys.set(id, { ...key, isShared: mode === 'shared' && keys.get(id)?.isShared !== false });
  }
  if (keys.size === 0) return;
  const sorted = [...keys.values()].toSorted((a, b) => a.first - b.first || a.second - b.second);
  await session.run(
    `SELECT CASE WHEN l.shared THEN pg_advisory_xact_lock_shared(l.a, l.b) ELSE pg_advisory_xact_lock(l.a, l.b) END::text
       FROM unnest($1::integer[], $2::integer[], $3::boolean[]) AS l(a, b, shared)`,
    [
      plainArray(sorted.map(({ first }) => first)),
      plainArray(sorted.map(({ second }) => second)),
      plainArray(sorted.map(({ isShared }) => isShared)),
    ],
  );
};
