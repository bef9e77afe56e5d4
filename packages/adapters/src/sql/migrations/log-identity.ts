/** A number that is raised to have everybody forget what they keep of this log elsewhere. */
const epochTable = `
CREATE TABLE {schema}.log_epoch (
  one boolean NOT NULL PRIMARY KEY DEFAULT true CHECK (one),
  epoch bigint NOT NULL
);
INSERT INTO {schema}.log_epoch (epoch) VALUES (0);
`;

/**
 * What tells this log from every other one, and from itself restored from a backup or taken over by a standby, which may have
 * given the same positions to other events: 32 hexadecimal digits, made of the cluster, its timeline, the start of the
 * server, the database, the table and the epoch. Where the server tells neither cluster nor timeline, the rest must do.
 *
 * A copy of the disk that is put back keeps the timeline, but it takes a new start of the server.
 */
const identityFunction = `
CREATE FUNCTION {schema}.log_identity() RETURNS text LANGUAGE plpgsql VOLATILE AS $function$
DECLARE
  v_system text;
  v_timeline text;
BEGIN
  BEGIN
    SELECT c.system_identifier INTO v_system FROM pg_control_system() c;
  EXCEPTION WHEN OTHERS THEN
    v_system := '';
  END;
  BEGIN
    v_timeline := left(pg_walfile_name(pg_current_wal_lsn()), 8);
  EXCEPTION WHEN OTHERS THEN
    v_timeline := '';
  END;
  RETURN (
    SELECT left(encode(sha256(convert_to(concat_ws('/',
             v_system, v_timeline, (extract(epoch FROM pg_postmaster_start_time()) * 1000000)::bigint,
             d.oid, '{schema}.events'::regclass::oid, e.epoch), 'UTF8')), 'hex'), 32)
      FROM pg_database d, {schema}.log_epoch e
      WHERE d.datname = current_database()
  );
END
$function$;
`;

export const logIdentity = epochTable + identityFunction;
