/**
 * Appends to one stream. What becomes of it is a value: an array of
 *
 * 1. outcome: 0 appended, 1 these very events are there already, 2 conflict, 3 the stream is tombstoned;
 * 2. version: of the last event (0, 1), or the stream's own (2), NULL if it does not exist;
 * 3. position: of the last event (0, 1);
 * 4. for a conflict by an id that is in the stream already: which of the ids, from 1.
 *
 * `p_expected` is a version, -1 for no stream, -2 for any, -3 for a stream that exists. `p_ids_given` is false when all
 * ids were just made, so that they need not be looked for.
 *
 * - The table lock comes before the stream's state is read, and deleting a stream takes one that excludes it: an append
 *   never lands in a stream behind its tombstone.
 * - The reservation lock comes before positions are drawn (see safe-position), and after all checks: a conflict draws none.
 * - The unique index on (stream, version) decides races. The first event goes in alone: whoever wins it has the stream to
 *   itself until commit, whoever loses waits for that, reads anew and decides anew.
 *
 * @param known where ids are looked for: the only place, besides reading, that the archive matters to
 */
export const appendOne = (create: 'CREATE' | 'CREATE OR REPLACE', known: 'events' | 'all_events'): string => `
${create} FUNCTION {schema}.append_one(
  p_stream text, p_expected integer, p_ids_given boolean, p_ids uuid[], p_types text[], p_schema_versions integer[],
  p_data json[], p_metadata json[], p_recorded_at timestamptz
) RETURNS bigint[] LANGUAGE plpgsql VOLATILE AS $function$
DECLARE
  v_count integer := cardinality(p_ids);
  v_last integer;
  v_first integer;
  v_tombstoned boolean;
  v_visible integer;
  v_position bigint;
  v_known record;
BEGIN
  LOCK TABLE {schema}.events IN ROW EXCLUSIVE MODE;
  LOOP
    SELECT (SELECT e.version FROM {schema}.events e WHERE e.stream = p_stream ORDER BY e.version DESC LIMIT 1),
           s.first_version, s.tombstoned
      INTO v_last, v_first, v_tombstoned
      FROM (SELECT) one LEFT JOIN {schema}.streams s ON s.stream = p_stream;
    IF v_tombstoned THEN
      RETURN ARRAY[3, NULL, NULL, NULL];
    END IF;
    v_visible := CASE WHEN v_last >= coalesce(v_first, 0) THEN v_last END;

    IF p_ids_given THEN
      SELECT count(*) AS found, min(i.n) AS first_found, min(e.version - i.n) + 1 AS start,
             min(e.version - i.n) = max(e.version - i.n) AS consecutive, max(e.version) AS version, max(e.position) AS position
        INTO v_known
        FROM unnest(p_ids) WITH ORDINALITY AS i(id, n)
        JOIN {schema}.${known} e ON e.id = i.id AND e.stream = p_stream;
      IF v_known.found > 0 THEN
        IF v_known.found = v_count AND v_known.consecutive AND (CASE
             WHEN p_expected <= -2 THEN true
             WHEN p_expected = -1 THEN v_known.start = 0 OR v_known.start = coalesce(v_first, 0)
             ELSE v_known.start = p_expected + 1
           END) THEN
          RETURN ARRAY[1, v_known.version, v_known.position, NULL];
        END IF;
        RETURN ARRAY[2, v_visible, NULL, v_known.first_found];
      END IF;
    END IF;

    IF (CASE
         WHEN p_expected = -2 THEN false
         WHEN p_expected = -3 THEN v_visible IS NULL
         ELSE coalesce(v_visible, -1) <> p_expected
       END) THEN
      RETURN ARRAY[2, v_visible, NULL, NULL];
    END IF;

    PERFORM pg_advisory_xact_lock_shared({reservations} | p.last_value) FROM {schema}.positions p;
    v_last := coalesce(v_last, -1);
    INSERT INTO {schema}.events
      VALUES (nextval('{schema}.positions'), p_stream, v_last + 1, p_ids[1], p_types[1], p_schema_versions[1],
              p_data[1], p_metadata[1], coalesce(p_recorded_at, clock_timestamp()))
      ON CONFLICT (stream, version) DO NOTHING
      RETURNING position INTO v_position;
    IF v_position IS NOT NULL THEN
      IF v_count > 1 THEN
        INSERT INTO {schema}.events
          SELECT nextval('{schema}.positions'), p_stream, v_last + e.n, e.id, e.type, e.schema_version,
                 e.data, e.metadata, coalesce(p_recorded_at, clock_timestamp())
            FROM unnest(p_ids, p_types, p_schema_versions, p_data, p_metadata)
              WITH ORDINALITY AS e(id, type, schema_version, data, metadata, n)
            WHERE e.n > 1;
        v_position := currval('{schema}.positions');
      END IF;
      RETURN ARRAY[0, v_last + v_count, v_position, NULL];
    END IF;
  END LOOP;
END
$function$;
`;
