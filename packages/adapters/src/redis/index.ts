/** Redis beside a PostgreSQL backend: the newest events, wake-ups, snapshots and heartbeats. */

export { redis, type RedisLayer } from './redis.js';
export type { RedisOptions } from './redis-options.js';
export type { RedisCounters } from './counters.js';
export type { CachedLog, LiveLayer } from '../sql/live-layer.js';
export type { Relay, RelayListener, Stretch } from '../sql/events/relay.js';
export type { SqlRow } from '../sql/driver.js';
