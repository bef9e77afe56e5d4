import { isAbsolute, resolve } from 'node:path';
import { eventStoreDb } from '@tidemark/adapters/eventstoredb';
import { pglite } from '@tidemark/adapters/pglite';
import { postgres } from '@tidemark/adapters/postgres';
import { ConfigurationError, memory, type Backend } from '@tidemark/core';

/** Where relative folders start: where the command was called, which npm keeps for us. */
const base = process.env['INIT_CWD'] ?? process.cwd();

const folderOf = (path: string): string => (isAbsolute(path) ? path : resolve(base, path));

const stateAt = (state: string | undefined): Backend => {
  if (state === undefined) return memory();
  return /^postgres(ql)?:/.test(state)
    ? postgres({ connectionString: state })
    : pglite({ folder: folderOf(state) });
};

/**
 * The backend that an address names:
 *
 * - `pglite:./folder`
 * - `postgres://user:password@host/database`
 * - `esdb://user:password@host:2113?tls=true`, or `esdb+discover://…`
 *
 * @param state a folder, or the postgres:// address of a database, for what is not an event, for EventStoreDB as a target; a
 *   source needs none
 * @throws {ConfigurationError} it is none of these
 */
export const backendAt = (address: string, state: string | undefined): Backend => {
  const scheme = /^([a-z+]+):/.exec(address)?.[1];
  switch (scheme) {
    case 'pglite':
      return pglite({ folder: folderOf(address.slice('pglite:'.length)) });
    case 'postgres':
    case 'postgresql':
      return postgres({ connectionString: address });
    case 'esdb':
    case 'esdb+discover':
      return eventStoreDb({
        connectionString: address,
        state: stateAt(state),
      });
    default:
      throw new ConfigurationError(
        'An address must be pglite:./folder, postgres://… or esdb://…' +
          (scheme === undefined ? '.' : `, not ${scheme}:…`),
      );
  }
};
