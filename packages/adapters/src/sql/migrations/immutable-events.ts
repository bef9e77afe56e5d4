/**
 * What was recorded stays as it is: the database itself refuses to change, delete or truncate events, whoever asks. Deleting
 * a stream, or truncating it, only hides its events from readers and touches none.
 *
 * Once per statement, so that appends, which neither update nor delete, pay nothing.
 */
export const immutableEvents = `
CREATE FUNCTION {schema}.refuse_change() RETURNS trigger LANGUAGE plpgsql AS $function$
BEGIN
  RAISE EXCEPTION 'events are immutable: % is refused', TG_OP
    USING ERRCODE = 'restrict_violation', HINT = 'Append an event that corrects it, or delete or truncate its stream.';
END
$function$;
CREATE TRIGGER events_immutable BEFORE UPDATE OR DELETE OR TRUNCATE ON {schema}.events
  FOR EACH STATEMENT EXECUTE FUNCTION {schema}.refuse_change();
`;

/** A tombstone is for ever: neither taken away nor set back. Everything else that is known of a stream may change. */
export const finalTombstones = `
CREATE FUNCTION {schema}.keep_tombstone() RETURNS trigger LANGUAGE plpgsql AS $function$
BEGIN
  RAISE EXCEPTION 'stream "%" is tombstoned, for ever', OLD.stream USING ERRCODE = 'restrict_violation';
END
$function$;
CREATE TRIGGER streams_tombstone_kept BEFORE UPDATE ON {schema}.streams
  FOR EACH ROW WHEN (OLD.tombstoned AND NOT NEW.tombstoned) EXECUTE FUNCTION {schema}.keep_tombstone();
CREATE TRIGGER streams_tombstone_not_deleted BEFORE DELETE ON {schema}.streams
  FOR EACH ROW WHEN (OLD.tombstoned) EXECUTE FUNCTION {schema}.keep_tombstone();
`;
