/** The state of an aggregate as of one version of its stream: a shortcut, never a truth. */
export interface Snapshot {
  readonly stream: string;
  /** The last version that is folded into the state. */
  readonly version: number;
  /** Version of the state's own schema; a snapshot of another one is ignored. */
  readonly schemaVersion: number;
  /** The state as JSON can hold it. */
  readonly state: unknown;
}

/** Keeps the newest snapshot of each stream. May forget any of them at any time. */
export interface SnapshotStore {
  /** The snapshot kept for the stream, of whichever schema version, or `undefined` if there is none. */
  load(stream: string): Promise<Snapshot | undefined>;
  /** Keeps the snapshot unless a newer one of the same schema version is there. */
  save(snapshot: Snapshot): Promise<void>;
  /** Forgets the snapshot of the stream; no error if there is none. */
  delete(stream: string): Promise<void>;
}
