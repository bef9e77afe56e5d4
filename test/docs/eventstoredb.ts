import { eventStoreDb } from '@tidemark/adapters/eventstoredb';
import { pglite } from '@tidemark/adapters/pglite';
import type { Backend } from '@tidemark/core';
import { KurrentDBClient } from '@kurrent/kurrentdb-client';

export const onEventStoreDb = (connectionString: string, folder: string): Backend => {
  // #region backend
  const backend = eventStoreDb({
    connectionString, // esdb://user:password@host:2113
    state: pglite({ folder }), // Or postgres(…), for several processes; memory(), to try it out.
  });
  // #endregion backend
  return backend;
};

export const onKurrentDb = (connectionString: string, state: Backend): Backend => {
  // #region kurrent
  const client = KurrentDBClient.connectionString(connectionString); // kurrentdb://user:password@host:2113
  const backend = eventStoreDb({ client, state });
  // #endregion kurrent
  return backend;
};
