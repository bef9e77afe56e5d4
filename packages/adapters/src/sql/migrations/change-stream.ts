/**
 * Deletes a stream softly (`p_tombstone` false) or for ever. The outcome is an array as of append_one; 0 for done.
 *
 * It excludes writers while it looks and writes, for the moment that this takes, so that no append that was decided on
 * before lands behind it.
 */
export const changeStreamFunction = `
CREATE FUNCTION {schema}.delete_stream(p_stream text, p_expected integer, p_tombstone boolean)
RETURNS bigint[] LANGUAGE plpgsql VOLATILE AS $function$
DECLARE
  v_last integer;
  v_first integer;
  v_tombstoned boolean;
  v_visible integer;
BEGIN
  LOCK TABLE {schema}.events IN SHARE ROW EXCLUSIVE MODE;
  SELECT (SELECT e.version FROM {schema}.events e WHERE e.stream = p_stream ORDER BY e.version DESC LIMIT 1),
         s.first_version, s.tombstoned
    INTO v_last, v_first, v_tombstoned
    FROM (SELECT) one LEFT JOIN {schema}.streams s ON s.stream = p_stream;
  IF v_tombstoned THEN
    RETURN ARRAY[3, NULL, NULL, NULL];
  END IF;
  v_visible := CASE WHEN v_last >= coalesce(v_first, 0) THEN v_last END;
  IF (CASE
       WHEN p_expected = -2 THEN false
       WHEN p_expected = -3 THEN v_visible IS NULL
       ELSE coalesce(v_visible, -1) <> p_expected
     END) THEN
    RETURN ARRAY[2, v_visible, NULL, NULL];
  END IF;
  IF p_tombstone OR v_visible IS NOT NULL THEN
    INSERT INTO {schema}.streams AS s (stream, first_version, tombstoned)
      VALUES (p_stream, coalesce(v_last, -1) + 1, p_tombstone)
      ON CONFLICT (stream) DO UPDATE SET first_version = excluded.first_version, tombstoned = excluded.tombstoned;
  END IF;
  RETURN ARRAY[0, v_visible, NULL, NULL];
END
$function$;
`;
