/** How far processors have come. */
export const checkpointsTable = `
CREATE TABLE {schema}.checkpoints (
  processor text COLLATE "C" NOT NULL,
  segment integer NOT NULL,
  position bigint NOT NULL,
  PRIMARY KEY (processor, segment)
);
`;

/** The newest snapshot of each stream. */
export const snapshotsTable = `
CREATE TABLE {schema}.snapshots (
  stream text COLLATE "C" NOT NULL PRIMARY KEY,
  version integer NOT NULL,
  schema_version integer NOT NULL,
  state json NOT NULL
);
`;

/** What is to be done later. `claimable_at` is the time it is due, or the end of the claim that someone has on it. */
export const timersTable = `
CREATE TABLE {schema}.timers (
  id text COLLATE "C" NOT NULL PRIMARY KEY,
  target text COLLATE "C" NOT NULL,
  due_at timestamptz(3) NOT NULL,
  claimable_at timestamptz(3) NOT NULL,
  payload json NOT NULL
);
CREATE INDEX timers_claimable ON {schema}.timers (target, claimable_at);
`;

/**
 * Collections of documents. Each has a table `documents_<id>` of its own with a column `field_<n>` for each indexed field;
 * `fields` says which path has which number: an array of [path, number].
 */
export const collectionsTable = `
CREATE TABLE {schema}.collections (
  id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  name text COLLATE "C" NOT NULL UNIQUE,
  fields json NOT NULL
);
`;
