import { appendMany } from './append-many.js';
import { appendOne } from './append-one.js';

/** Old events, moved out of the way of new ones. Every event is in exactly one of the two tables. */
const archiveTable = `
CREATE TABLE {schema}.archived_events (LIKE {schema}.events, PRIMARY KEY (position));
CREATE UNIQUE INDEX archived_events_stream_version ON {schema}.archived_events (stream, version);
CREATE INDEX archived_events_id ON {schema}.archived_events (id);
`;

/**
 * Every event, wherever it is. Readers look here, in one statement and so in one snapshot, in which an event that is being
 * moved is seen once. PostgreSQL resolves the view into a merge of two index scans, which both end at the statement's limit.
 */
const allEventsView = `
CREATE VIEW {schema}.all_events AS
  SELECT position, stream, version, id, type, schema_version, data, metadata, recorded_at FROM {schema}.events
  UNION ALL
  SELECT position, stream, version, id, type, schema_version, data, metadata, recorded_at FROM {schema}.archived_events;
`;

/**
 * Whatever is deleted from `events` goes into the archive, by the very statement that deletes it, so that no event can be
 * deleted without being kept. The last event of each stream stays, so that appends need not look for it in the archive.
 *
 * The function has its owner's rights: nobody else needs any to write into the archive. The archive takes rows from that
 * trigger only (one trigger deep in another), and keeps what it has.
 */
const archiveTriggers = `
CREATE FUNCTION {schema}.archive_deleted() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $function$
DECLARE
  v_stream text;
BEGIN
  SELECT d.stream INTO v_stream
    FROM (SELECT stream, max(version) AS version FROM deleted GROUP BY stream) d
    WHERE NOT EXISTS (SELECT FROM {schema}.events e WHERE e.stream = d.stream AND e.version > d.version)
    LIMIT 1;
  IF FOUND THEN
    RAISE EXCEPTION 'events are immutable: the last event of stream "%" is neither deleted nor archived', v_stream
      USING ERRCODE = 'restrict_violation', HINT = 'Delete or truncate its stream, which hides its events from readers.';
  END IF;
  INSERT INTO {schema}.archived_events SELECT * FROM deleted;
  RETURN NULL;
END
$function$;
DROP TRIGGER events_immutable ON {schema}.events;
CREATE TRIGGER events_immutable BEFORE UPDATE OR TRUNCATE ON {schema}.events
  FOR EACH STATEMENT EXECUTE FUNCTION {schema}.refuse_change();
CREATE TRIGGER events_archived AFTER DELETE ON {schema}.events REFERENCING OLD TABLE AS deleted
  FOR EACH STATEMENT EXECUTE FUNCTION {schema}.archive_deleted();

CREATE FUNCTION {schema}.refuse_archive_change() RETURNS trigger LANGUAGE plpgsql AS $function$
BEGIN
  IF TG_OP = 'INSERT' AND pg_trigger_depth() > 1 THEN
    RETURN NULL;
  END IF;
  RAISE EXCEPTION 'archived events are immutable: % is refused', TG_OP
    USING ERRCODE = 'restrict_violation', HINT = 'Events come into the archive by archive_events().';
END
$function$;
CREATE TRIGGER archived_events_immutable BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON {schema}.archived_events
  FOR EACH STATEMENT EXECUTE FUNCTION {schema}.refuse_archive_change();
`;

/**
 * Archives a batch: looks at up to `p_limit` events behind `p_after` up to `p_up_to`, and moves those that were recorded
 * before `p_before` (NULL: all) and are not the last of their streams. Gives how many it looked at, the position of the last
 * of them, how many were old enough, and how many it moved.
 *
 * Joins go by index, row by row, whatever the statistics say, so that a batch costs what its limit allows and no more.
 * Two that archive at once take turns, so that neither waits for rows of the other in another order. The lock has two keys,
 * a space apart from that of reservations.
 */
const archiveFunction = `
CREATE FUNCTION {schema}.archive_events(
  p_after bigint, p_up_to bigint, p_before timestamptz, p_limit integer,
  OUT looked bigint, OUT last bigint, OUT old_enough bigint, OUT moved bigint
) LANGUAGE plpgsql VOLATILE SET enable_hashjoin = off SET enable_mergejoin = off SET plan_cache_mode = force_custom_plan
AS $function$
BEGIN
  PERFORM pg_advisory_xact_lock(hashtext('tidemark.archive'), hashtext('{schema}'));
  WITH looked_at AS MATERIALIZED (
    SELECT e.position, e.stream, e.version, p_before IS NULL OR e.recorded_at < p_before AS is_old
      FROM {schema}.events e
      WHERE e.position > p_after AND e.position <= p_up_to
      ORDER BY e.position LIMIT p_limit
  ), gone AS (
    DELETE FROM {schema}.events e USING looked_at l
      WHERE e.position = l.position AND l.is_old
        AND EXISTS (SELECT FROM {schema}.events later WHERE later.stream = l.stream AND later.version > l.version)
      RETURNING e.position
  )
  SELECT count(*), max(l.position), count(*) FILTER (WHERE l.is_old), (SELECT count(*) FROM gone)
    INTO looked, last, old_enough, moved
    FROM looked_at l;
END
$function$;
`;

/**
 * Tells the planner how large the archive has become, whenever it has doubled, with the owner's rights, which that takes.
 * Otherwise statements that were planned while the archive was empty would go on to look through all of it for what an index
 * would find. Below some pages it does not matter.
 */
const analyzeFunction = `
CREATE FUNCTION {schema}.analyze_archive() RETURNS void LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $function$
BEGIN
  IF (SELECT pg_relation_size(c.oid) / current_setting('block_size')::bigint > 2 * c.relpages + 16
        FROM pg_class c WHERE c.oid = '{schema}.archived_events'::regclass) THEN
    ANALYZE {schema}.archived_events;
  END IF;
END
$function$;
`;

/** The archive, and appends that look for given ids in it, too. */
export const archive = [
  archiveTable,
  allEventsView,
  archiveTriggers,
  archiveFunction,
  analyzeFunction,
  appendOne('CREATE OR REPLACE', 'all_events'),
  appendMany('CREATE OR REPLACE', 'all_events'),
].join('');
