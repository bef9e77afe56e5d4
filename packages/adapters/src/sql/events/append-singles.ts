const andIdIsNew = `AND NOT EXISTS (SELECT FROM {schema}.all_events e WHERE e.id = a.id AND e.stream = a.stream)`;

/**
 * Appends one event to each of several streams, none of them twice: all those that nothing stands in the way of, which is
 * nearly always all. It answers with stream, outcome (as of append_one) and time of recording of those; of the others nothing was written, and
 * append_one must decide.
 *
 * Parameters: lists of streams, expected versions (as of append_one), ids, types, schema versions, data and metadata, and the
 * time of recording or NULL.
 *
 * All that is said of the statement for a single event holds here too, and besides:
 *
 * - Positions are drawn in the order of the lists, and behind the reservation lock: no row of the join is there without it.
 * - Events are inserted in the order of their streams, so that two such statements never wait for each other in a circle.
 *
 * @param idsGiven whether ids may be in their streams already, and must be looked for
 */
export const appendSingles = (idsGiven: boolean): string => `
INSERT INTO {schema}.events
  SELECT * FROM (
    SELECT nextval('{schema}.positions'), sure.stream, sure.version + 1, sure.id, sure.type, sure.schema_version, sure.data,
           sure.metadata, coalesce($8::timestamptz, clock_timestamp())
      FROM (
        SELECT a.*, reserved.reservation
          FROM (
            SELECT pg_advisory_xact_lock_shared({reservations} | p.last_value) AS reservation FROM {schema}.positions p OFFSET 0
          ) reserved
          CROSS JOIN (
            SELECT u.*, coalesce((
                     SELECT e.version FROM {schema}.events e WHERE e.stream = u.stream ORDER BY e.version DESC LIMIT 1
                   ), -1) AS version
              FROM unnest($1::text[], $2::integer[], $3::uuid[], $4::text[], $5::integer[], $6::json[], $7::json[])
                WITH ORDINALITY AS u(stream, expected, id, type, schema_version, data, metadata, n)
              OFFSET 0
          ) a
          WHERE CASE a.expected WHEN -2 THEN true WHEN -3 THEN a.version >= 0 ELSE a.version = a.expected END
            AND NOT EXISTS (
              SELECT FROM {schema}.streams s WHERE s.stream = a.stream AND (s.tombstoned OR s.first_version > 0)
            )
            ${idsGiven ? andIdIsNew : ''}
          ORDER BY a.n OFFSET 0
      ) sure
      OFFSET 0
  ) placed
  ORDER BY placed.stream
  ON CONFLICT (stream, version) DO NOTHING
  RETURNING stream, ARRAY[0, version, position, NULL], date_part('epoch', recorded_at)
`;
