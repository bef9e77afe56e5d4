/**
 * Appends to several streams, one outcome a row, in the order given; outcomes as of append_one. The events of all appends
 * follow each other in the arrays: `p_counts` says how many belong to each append, `p_owners` to which append (from 1) an
 * event belongs, `p_nth` which of its events (from 1) it is. No stream may occur twice.
 *
 * Those that are sure to succeed go in together: one statement for the first events (in the order of their streams, so that
 * two such calls never wait for each other in a circle) and for the rest of those that won. The others, with ids that are
 * there already, in conflict, or outrun in a race, are then decided on one by one.
 *
 * With `p_atomic`, one that is refused undoes all; the outcomes say which.
 *
 * @param known where ids are looked for
 */
export const appendMany = (
  create: 'CREATE' | 'CREATE OR REPLACE',
  known: 'events' | 'all_events',
): string => `
${create} FUNCTION {schema}.append_many(
  p_streams text[], p_expected integer[], p_ids_given boolean[], p_counts integer[], p_atomic boolean,
  p_owners integer[], p_nth integer[], p_ids uuid[], p_types text[], p_schema_versions integer[],
  p_data json[], p_metadata json[], p_recorded_at timestamptz
) RETURNS SETOF bigint[] LANGUAGE plpgsql VOLATILE AS $function$
DECLARE
  v_codes bigint[] := array_fill(NULL::bigint, ARRAY[cardinality(p_streams)]);
  v_versions bigint[] := v_codes;
  v_positions bigint[] := v_codes;
  v_duplicates bigint[] := v_codes;
  v_append record;
  v_outcome bigint[];
  v_first integer := 1;
  v_last integer;
BEGIN
  LOCK TABLE {schema}.events IN ROW EXCLUSIVE MODE;
  PERFORM pg_advisory_xact_lock_shared({reservations} | p.last_value) FROM {schema}.positions p;
  BEGIN
    FOR v_append IN
      WITH sure AS MATERIALIZED (
        SELECT a.n, a.stream, coalesce(last.version, -1) AS version
          FROM unnest(p_streams, p_expected, p_ids_given) WITH ORDINALITY AS a(stream, expected, ids_given, n)
          LEFT JOIN LATERAL (
            SELECT e.version FROM {schema}.events e WHERE e.stream = a.stream ORDER BY e.version DESC LIMIT 1
          ) last ON true
          WHERE NOT EXISTS (SELECT FROM {schema}.streams s WHERE s.stream = a.stream)
            AND CASE a.expected
                  WHEN -2 THEN true
                  WHEN -3 THEN last.version IS NOT NULL
                  ELSE coalesce(last.version, -1) = a.expected
                END
            AND NOT (a.ids_given AND EXISTS (
              SELECT FROM unnest(p_owners, p_ids) AS i(owner, id)
                JOIN {schema}.${known} e ON e.id = i.id AND e.stream = a.stream
                WHERE i.owner = a.n
            ))
      ), placed AS MATERIALIZED (
        SELECT nextval('{schema}.positions') AS position, s.n AS owner, s.stream, s.version + e.nth AS version, e.nth,
               e.id, e.type, e.schema_version, e.data, e.metadata
          FROM unnest(p_owners, p_nth, p_ids, p_types, p_schema_versions, p_data, p_metadata)
            WITH ORDINALITY AS e(owner, nth, id, type, schema_version, data, metadata, n)
          JOIN sure s ON s.n = e.owner
          ORDER BY e.n
      ), first_events AS (
        INSERT INTO {schema}.events
          SELECT position, stream, version, id, type, schema_version, data, metadata,
                 coalesce(p_recorded_at, clock_timestamp())
            FROM placed WHERE nth = 1 ORDER BY stream
          ON CONFLICT (stream, version) DO NOTHING
          RETURNING stream
      ), further_events AS (
        INSERT INTO {schema}.events
          SELECT p.position, p.stream, p.version, p.id, p.type, p.schema_version, p.data, p.metadata,
                 coalesce(p_recorded_at, clock_timestamp())
            FROM placed p JOIN first_events f ON f.stream = p.stream
            WHERE p.nth > 1
            ORDER BY p.position
      )
      SELECT p.owner, p.version, p.position
        FROM placed p JOIN first_events f ON f.stream = p.stream
        WHERE p.nth = p_counts[p.owner]
    LOOP
      v_codes[v_append.owner] := 0;
      v_versions[v_append.owner] := v_append.version;
      v_positions[v_append.owner] := v_append.position;
    END LOOP;

    FOR v_n IN 1 .. cardinality(p_streams) LOOP
      v_last := v_first + p_counts[v_n] - 1;
      IF v_codes[v_n] IS NULL THEN
        v_outcome := {schema}.append_one(
          p_streams[v_n], p_expected[v_n], p_ids_given[v_n], p_ids[v_first:v_last], p_types[v_first:v_last],
          p_schema_versions[v_first:v_last], p_data[v_first:v_last], p_metadata[v_first:v_last], p_recorded_at
        );
        v_codes[v_n] := v_outcome[1];
        v_versions[v_n] := v_outcome[2];
        v_positions[v_n] := v_outcome[3];
        v_duplicates[v_n] := v_outcome[4];
        IF p_atomic AND v_outcome[1] > 1 THEN
          RAISE EXCEPTION USING ERRCODE = 'TM001';
        END IF;
      END IF;
      v_first := v_last + 1;
    END LOOP;
  EXCEPTION WHEN SQLSTATE 'TM001' THEN
    -- Undone to the last event; the outcomes are variables and stay.
    NULL;
  END;
  RETURN QUERY
    SELECT ARRAY[o.code, o.version, o.position, o.duplicate]
      FROM unnest(v_codes, v_versions, v_positions, v_duplicates) WITH ORDINALITY AS o(code, version, position, duplicate, n)
      ORDER BY o.n;
END
$function$;
`;
