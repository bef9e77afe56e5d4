/** What a {@link RedisLayer} has done since it was made, for metrics. */
export interface RedisCounters {
  /** Events that this process handed to the tail. */
  readonly relayed: number;
  /** Events that it did not hand on because Redis was away or too slow. */
  readonly dropped: number;
  /** Events that another process had handed to the tail before. */
  readonly repeated: number;
  /** Events that it read from the tail. */
  readonly received: number;
  /** How often the tail was removed because it held what cannot be of this log. */
  readonly cleared: number;
  /** How often something was missing in the tail, or could not be an event. PostgreSQL was then asked. */
  readonly holes: number;
  /** Wake-ups sent to other processes, and heard from them. */
  readonly wakeUpsSent: number;
  readonly wakeUpsHeard: number;
  /** Snapshots found in the cache, and looked for in vain. */
  readonly snapshotHits: number;
  readonly snapshotMisses: number;
  /** Commands that failed. */
  readonly errors: number;
  /** How often a connection was made anew. */
  readonly reconnects: number;
}

/** The same, while it is counted. */
export type Counters = { -readonly [Name in keyof RedisCounters]: number };

export const noCounts = (): Counters => ({
  relayed: 0,
  dropped: 0,
  repeated: 0,
  received: 0,
  cleared: 0,
  holes: 0,
  wakeUpsSent: 0,
  wakeUpsHeard: 0,
  snapshotHits: 0,
  snapshotMisses: 0,
  errors: 0,
  reconnects: 0,
});
