/**
 * The position up to which everything is known to be there, however many writers are at work.
 *
 * Positions are drawn before they are committed, so a later one can be seen before an earlier one. Each writer therefore
 * first takes a shared advisory lock whose key holds the last position given out so far, and only then draws its own:
 * everything it will write lies above its key. PostgreSQL lets the lock go after the commit can be seen. So, in this order,
 * each in a statement of its own:
 *
 * (a) read the last position given out, the ceiling;
 * (b) read the smallest key that is held;
 * (c) later, read events up to the smaller of the two: that is the caller's part.
 *
 * A writer without its lock at (b) draws after (a), above the ceiling; one that holds it draws above its key; one that has
 * let it go is seen at (c). Positions rolled back leave harmless holes. No other transaction matters, and no transaction id
 * is stored, so that nothing here is tied to this cluster.
 */
export const safePositionFunction = `
CREATE FUNCTION {schema}.safe_position() RETURNS bigint LANGUAGE plpgsql VOLATILE AS $function$
DECLARE
  v_ceiling bigint;
  v_held bigint;
BEGIN
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
