import { ConfigurationError } from '@tidemark/core';
import type { SqlDriver } from './driver.js';
import { quoteLiteral } from './identifier.js';
import { migrations, type Migration } from './migrations/migrations.js';
import type { SchemaNames } from './schema-names.js';

/**
 * Brings the schema to the newest version: each missing step once, in order, all in one transaction. Whoever else starts
 * at the same time waits and then finds nothing to do.
 *
 * @throws {ConfigurationError} the schema is of a newer version than this program knows
 */
export const migrate = async (
  driver: SqlDriver,
  names: SchemaNames,
  steps: readonly Migration[] = migrations,
): Promise<void> => {
  await driver.transaction(async (session) => {
    await session.script(
      `SELECT pg_advisory_xact_lock(hashtextextended(${quoteLiteral(`tidemark.migrate.${names.name}`)}, 0));
       CREATE SCHEMA IF NOT EXISTS ${names.quoted};
       CREATE TABLE IF NOT EXISTS ${names.quoted}.migrations (
         number integer NOT NULL PRIMARY KEY,
         name text NOT NULL,
         applied_at timestamptz NOT NULL DEFAULT clock_timestamp()
       );`,
    );
    const { rows } = await session.run(`SELECT max(number) FROM ${names.quoted}.migrations`, []);
    const applied = Number(rows[0]?.[0] ?? 0);
    const newest = steps.at(-1)?.number ?? 0;
    if (applied > newest) {
      throw new ConfigurationError(
        `The schema "${names.name}" is at version ${applied}, but this program knows only up to ${newest}: ` +
          'it was written by a newer version of Tidemark. Upgrade this one.',
      );
    }
    for (const { number, name, sql } of steps) {
      if (number <= applied) continue;
      await session.script(names.fill(sql));
      await session.script(
        `INSERT INTO ${names.quoted}.migrations (number, name) VALUES (${number}, ${quoteLiteral(name)})`,
      );
    }
  });
};
