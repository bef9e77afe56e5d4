/**
 * As the function of the first version, and refused on a standby: that has neither its primary's locks nor the exact value of
 * its sequence, so what it would call safe is not, and its readers would miss events for ever.
 */
const safePosition = `
CREATE OR REPLACE FUNCTION {schema}.safe_position() RETURNS bigint LANGUAGE plpgsql VOLATILE AS $function$
DECLARE
  v_ceiling bigint;
  v_held bigint;
BEGIN
  IF pg_is_in_recovery() THEN
    RAISE EXCEPTION 'a standby does not know which events are safe to read' USING ERRCODE = 'read_only_sql_transaction',
      HINT = 'Connect to the primary.';
  END IF;
  SELECT p.last_value INTO v_ceiling FROM {schema}.positions p;
  SELECT min((l.classid::bigint << 32 | l.objid::bigint) & {positions_mask}) INTO v_held
    FROM pg_locks l
    WHERE l.locktype = 'advisory' AND l.objsubid = 1
      AND l.database = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database())
      AND (l.classid::bigint << 32) & ~{positions_mask} = {reservations};
  RETURN least(v_ceiling, v_held);
END
$function$;
`;

/**
 * As the function before; in its first row, the version in place of an event's is 1 where more positions were given out than
 * are safe, which is a hint only: somebody has appended and not committed yet, and may roll back without telling anybody.
 */
const readSafe = `
CREATE OR REPLACE FUNCTION {schema}.read_safe(p_after bigint, p_limit integer, p_identify boolean) RETURNS TABLE (
  o_position bigint, o_stream text, o_version integer, o_id uuid, o_type text, o_schema_version integer, o_data json,
  o_metadata json, o_recorded_at double precision
) LANGUAGE plpgsql VOLATILE AS $function$
DECLARE
  v_safe bigint;
  v_ceiling bigint;
BEGIN
  IF current_setting('transaction_isolation') NOT IN ('read committed', 'read uncommitted') THEN
    RAISE EXCEPTION 'read_safe() would miss events at this isolation level: %', current_setting('transaction_isolation')
      USING ERRCODE = 'invalid_transaction_state', HINT = 'Set default_transaction_isolation to "read committed".';
  END IF;
  v_safe := {schema}.safe_position();
  SELECT p.last_value INTO v_ceiling FROM {schema}.positions p;
  RETURN QUERY SELECT v_safe, CASE WHEN p_identify THEN {schema}.log_identity() END, (v_ceiling > v_safe)::integer,
    NULL::uuid, NULL::text, NULL::integer, NULL::json, NULL::json, NULL::double precision;
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

export const primaryOnly = safePosition + readSafe;
