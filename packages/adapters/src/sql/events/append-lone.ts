import type { SchemaNames } from '../schema-names.js';

/**
 * Appends one event whose id was just made, if nothing speaks against it: one statement in place of a function of several,
 * which is most of what a lone append costs the server beside the insert itself. It gives the event's version and position, or
 * no row for everything out of the ordinary (a conflict, a lost race, a stream that was deleted or has settings); append_one
 * then decides.
 *
 * $1 stream, $2 expected version as of append_one, $3 id, $4 type, $5 schema version, $6 data, $7 metadata, $8 time or null.
 *
 * What append_one does in a row, here follows from what needs what:
 *
 * - Inserting takes the lock of the table before the statement's snapshot, so that the stream's state is read behind it.
 * - `reserved` has a row only if the checks passed, takes the reservation lock to make it, and is made (MATERIALIZED) before
 *   anyone reads from it. Each position is drawn for such a row: behind the lock.
 */
export const appendLone = (names: SchemaNames): string =>
  names.fill(`
    WITH state AS MATERIALIZED (
      SELECT coalesce(
        (SELECT e.version FROM {schema}.events e WHERE e.stream = $1::text ORDER BY e.version DESC LIMIT 1), -1
      ) AS version
    ), reserved AS MATERIALIZED (
      SELECT state.version, pg_advisory_xact_lock_shared({reservations} | p.last_value)
        FROM state, {schema}.positions p
        WHERE CASE $2::integer
                WHEN -2 THEN true
                WHEN -3 THEN state.version >= 0
                ELSE state.version = $2::integer
              END
          AND NOT EXISTS (SELECT FROM {schema}.streams s WHERE s.stream = $1::text)
    )
    INSERT INTO {schema}.events
      SELECT nextval('{schema}.positions'), $1::text, version + 1, $3::uuid, $4::text, $5::integer, $6::json, $7::json,
             coalesce($8::timestamptz, clock_timestamp())
        FROM reserved
      ON CONFLICT (stream, version) DO NOTHING
      RETURNING version, position`);
