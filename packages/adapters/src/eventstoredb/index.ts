/**
 * A backend with its events in EventStoreDB, or KurrentDB.
 *
 * @module @tidemark/adapters/eventstoredb
 */

export { eventStoreDb } from './event-store-db.js';
export type { EventStoreDbOptions } from './options.js';
export type { EventStoreDbClient, EventStoreDbCredentials } from './client.js';
export { CredentialsRefusedError, EventStoreDbError, PermissionDeniedError } from './errors.js';
