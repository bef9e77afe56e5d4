import { ConfigurationError } from '@tidemark/core';
import type { PoolClient } from 'pg';
import type { PostgresSession } from './session.js';

/** The oldest version of PostgreSQL that is supported, as its `server_version_num`. */
const oldestVersion = 140_000;

/**
 * Looks whether the server is one that this backend works on.
 *
 * @throws {ConfigurationError} it is not; the message says why, and what to do
 */
export const checkServer = async (
  client: PoolClient,
  session: PostgresSession,
  transactionPooler: boolean,
): Promise<void> => {
  const { rows } = await session.run(
    `SELECT current_setting('server_version_num'), current_setting('server_version'), current_setting('server_encoding'),
            current_setting('default_transaction_isolation'), pg_backend_pid()`,
    [],
  );
  const [versionNumber, version, encoding, isolation, processId] = rows[0] ?? [];
  if (Number(versionNumber) < oldestVersion) {
    throw new ConfigurationError(`PostgreSQL ${version} is too old: 14 or newer is needed.`);
  }
  if (encoding !== 'UTF8') {
    throw new ConfigurationError(
      `The database is encoded in ${encoding}, which cannot hold all text: make one with ENCODING 'UTF8'.`,
    );
  }
  if (isolation !== 'read committed') {
    throw new ConfigurationError(
      `default_transaction_isolation is "${isolation}" here, under which an append that lost a race would look at the past ` +
        'for ever: set it to "read committed" for this role or database.',
    );
  }
  // The server says who it is when it is connected to. A pooler answers in its place, and with another number.
  const connectedTo = 'processID' in client ? client.processID : undefined;
  if (!transactionPooler && String(connectedTo) !== processId) throw new ConfigurationError(poolerRefused);
};

/** What is said of a pooler that was not announced. */
export const poolerRefused =
  'The connection goes through a pooler, such as PgBouncer: in transaction mode prepared statements and LISTEN would reach ' +
  'other connections of the server than they were meant for. Connect to PostgreSQL itself, or set transactionPooler: true ' +
  '(statements are then not prepared, and subscriptions poll).';
