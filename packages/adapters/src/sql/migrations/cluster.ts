/**
 * Leases. The unique index on the epoch makes it part of a key: changing it waits for those who hold the row FOR KEY SHARE,
 * and renewing does not.
 */
export const leasesTable = `
CREATE TABLE {schema}.leases (
  name text COLLATE "C" NOT NULL PRIMARY KEY,
  owner text COLLATE "C",
  epoch bigint NOT NULL,
  expires_at timestamptz(3) NOT NULL,
  UNIQUE (name, epoch)
);
`;

/** Processes that announced themselves. */
export const nodesTable = `
CREATE TABLE {schema}.nodes (
  id text COLLATE "C" NOT NULL PRIMARY KEY,
  name text NOT NULL,
  version text,
  address text,
  load float8,
  started_at timestamptz(3) NOT NULL,
  expires_at timestamptz(3) NOT NULL
);
`;

/**
 * Dead letters. A sequence is there as long as it has letters; its key has `\\` and what text in UTF-8 cannot hold escaped.
 * `claim` is the token of who has claimed it until `claimed_until`, and `claimed` the number of the letter that it is about.
 */
export const deadLetterTables = `
CREATE TABLE {schema}.dead_letter_sequences (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  processor text COLLATE "C" NOT NULL,
  sequence text COLLATE "C" NOT NULL,
  due_at timestamptz(3) NOT NULL,
  claimed_until timestamptz(3),
  claim uuid,
  claimed bigint,
  UNIQUE (processor, sequence)
);
CREATE INDEX dead_letter_sequences_due ON {schema}.dead_letter_sequences (processor, due_at);
CREATE TABLE {schema}.dead_letters (
  number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  sequence_id bigint NOT NULL REFERENCES {schema}.dead_letter_sequences (id),
  position bigint NOT NULL,
  part integer NOT NULL,
  stream text COLLATE "C" NOT NULL,
  version integer NOT NULL,
  type text COLLATE "C" NOT NULL,
  handler text COLLATE "C" NOT NULL,
  derived json,
  error json,
  attempts integer NOT NULL,
  parked_at timestamptz(3) NOT NULL,
  retried_at timestamptz(3),
  UNIQUE (sequence_id, position, part, handler)
);
CREATE TABLE {schema}.dead_letter_audit (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  at timestamptz(3) NOT NULL,
  action text NOT NULL,
  actor text NOT NULL,
  reason text,
  processor text COLLATE "C" NOT NULL,
  sequence text COLLATE "C" NOT NULL,
  number bigint NOT NULL,
  position bigint NOT NULL,
  part integer NOT NULL,
  stream text COLLATE "C" NOT NULL,
  version integer NOT NULL,
  type text COLLATE "C" NOT NULL,
  handler text COLLATE "C" NOT NULL,
  derived json,
  error json,
  attempts integer NOT NULL,
  parked_at timestamptz(3) NOT NULL,
  retried_at timestamptz(3)
);
CREATE INDEX dead_letter_audit_processor ON {schema}.dead_letter_audit (processor, id);
CREATE INDEX dead_letter_audit_at ON {schema}.dead_letter_audit (at);
`;

/** Which processors a node takes a share of: an array of names. */
export const processorsOfNodes = `
ALTER TABLE {schema}.nodes ADD COLUMN processors json;
`;

/** Grows with each change of a collection's fields and is part of the name of its table: see {@link Collections}. */
export const collectionRevisions = `
ALTER TABLE {schema}.collections ADD COLUMN revision integer NOT NULL DEFAULT 0;
`;
