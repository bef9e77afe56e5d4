/**
 * A look at the end of the log in one round trip: the safe position, the log's identity, and the events behind `p_after` up
 * to the safe position, at most `p_limit`, oldest first. With `p_after` NULL, no events; without `p_identify`, no identity.
 *
 * The first row has the safe position and the identity in place of an event's position and stream; the others are events.
 *
 * The order of steps of safe_position holds, since each statement of a volatile function sees what was committed before it
 * began: the events are read in a statement behind the one that read the locks. That is so at READ COMMITTED only. In a
 * transaction at another level all statements would see what was committed before the first, and events would be missed; so
 * that is refused.
 */
export const readSafeFunction = `
CREATE FUNCTION {schema}.read_safe(p_after bigint, p_limit integer, p_identify boolean) RETURNS TABLE (
  o_position bigint, o_stream text, o_version integer, o_id uuid, o_type text, o_schema_version integer, o_data json,
  o_metadata json, o_recorded_at double precision
) LANGUAGE plpgsql VOLATILE AS $function$
DECLARE
  v_safe bigint;
BEGIN
  IF current_setting('transaction_isolation') NOT IN ('read committed', 'read uncommitted') THEN
    RAISE EXCEPTION 'read_safe() would miss events at this isolation level: %', current_setting('transaction_isolation')
      USING ERRCODE = 'invalid_transaction_state', HINT = 'Set default_transaction_isolation to "read committed".';
  END IF;
  v_safe := {schema}.safe_position();
  RETURN QUERY SELECT v_safe, CASE WHEN p_identify THEN {schema}.log_identity() END, NULL::integer, NULL::uuid, NULL::text, NULL::integer, NULL::json,
    NULL::json, NULL::double precision;
  IF p_after < v_safe THEN
    RETURN QUERY SELECT e.position, e.stream, e.version, e.id, e.type, e.schema_version, e.data, e.metadata,
             date_part('epoch', e.recorded_at)
      FROM {schema}.all_events e
      WHERE e.position > p_after AND e.position <= v_safe
      ORDER BY e.position LIMIT p_limit;
  END IF;
END
$function$;
`;
