/**
 * The log. `data` and `metadata` are `json`, not `jsonb`: what was written comes back byte for byte, `\u0000` and lone
 * surrogates included. `recorded_at` has milliseconds, as a Date does, so that filters mean the same here and there.
 *
 * Ids are unique within a stream by the way appends are decided on; across streams the same id may occur again.
 */
export const eventsTable = `
CREATE TABLE {schema}.events (
  position bigint NOT NULL PRIMARY KEY,
  stream text COLLATE "C" NOT NULL,
  version integer NOT NULL,
  id uuid NOT NULL,
  type text COLLATE "C" NOT NULL,
  schema_version integer NOT NULL,
  data json NOT NULL,
  metadata json NOT NULL,
  recorded_at timestamptz(3) NOT NULL
);
CREATE UNIQUE INDEX events_stream_version ON {schema}.events (stream, version);
CREATE INDEX events_id ON {schema}.events (id);
`;

/**
 * Positions. One at a time (CACHE 1), or connections would hand out blocks that are out of order. 0 is drawn here and
 * belongs to no event, so that `last_value` is always the last position given out.
 */
export const positionsSequence = `
CREATE SEQUENCE {schema}.positions AS bigint MINVALUE 0 START 0 CACHE 1;
SELECT nextval('{schema}.positions');
`;

/**
 * What is known of a stream beside its events. Only streams that were deleted or have settings have a row, so appends
 * look into a small table and never write to it.
 */
export const streamsTable = `
CREATE TABLE {schema}.streams (
  stream text COLLATE "C" NOT NULL PRIMARY KEY,
  first_version integer NOT NULL DEFAULT 0,
  tombstoned boolean NOT NULL DEFAULT false,
  settings json NOT NULL DEFAULT '{}'
);
`;
