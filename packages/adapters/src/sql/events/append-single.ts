const andIdIsNew = `AND NOT EXISTS (SELECT FROM {schema}.all_events e WHERE e.id = $3::uuid AND e.stream = $1::text)`;

/**
 * Appends one event if nothing stands in its way, which is nearly always, in one plain statement: no function is called and
 * no array is read. It answers as append_one does, and when
 * the event was recorded, in seconds since the epoch; or with no row: then nothing was written, and append_one must decide.
 *
 * Parameters: stream, expected version (as of append_one), id, type, schema version, data, metadata, time of recording or
 * NULL.
 *
 * What append_one does step by step must hold here too:
 *
 * - PostgreSQL locks the table to be written to before it takes the statement's snapshot. So it waits for whoever deletes a
 *   stream, and then sees that the stream is deleted.
 * - The inner query takes the reservation lock; the outer one draws the position. `OFFSET 0` keeps them apart, so that the
 *   lock is there when the position is drawn.
 * - All conditions stand between the two: whoever is refused draws none.
 * - The unique index on (stream, version) decides races; who loses waits for the winner and gets no row.
 *
 * @param idGiven whether the id may be in the stream already, and must be looked for
 */
export const appendSingle = (idGiven: boolean): string => `
INSERT INTO {schema}.events
  SELECT nextval('{schema}.positions'), $1::text, before.version + 1, $3::uuid, $4::text, $5::integer, $6::json, $7::json,
         coalesce($8::timestamptz, clock_timestamp())
    FROM (
      SELECT pg_advisory_xact_lock_shared({reservations} | p.last_value) AS reservation,
             coalesce((
               SELECT e.version FROM {schema}.events e WHERE e.stream = $1::text ORDER BY e.version DESC LIMIT 1
             ), -1) AS version
        FROM {schema}.positions p OFFSET 0
    ) before
    WHERE CASE $2::integer WHEN -2 THEN true WHEN -3 THEN before.version >= 0 ELSE before.version = $2::integer END
      AND NOT EXISTS (
        SELECT FROM {schema}.streams s WHERE s.stream = $1::text AND (s.tombstoned OR s.first_version > 0)
      )
      ${idGiven ? andIdIsNew : ''}
  ON CONFLICT (stream, version) DO NOTHING
  RETURNING ARRAY[0, version, position, NULL], date_part('epoch', recorded_at)
`;
