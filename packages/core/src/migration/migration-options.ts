import type { Backend } from '../backend/backend.js';
import type { Clock } from '../clock.js';
import type { EventStore } from '../log/event-store.js';
import type { EventFilter } from '../log/filter.js';
import type { RecordedEvent } from '../messages/event.js';
import type { Metadata } from '../messages/metadata.js';
import type { RetryPolicy } from '../model/processor-definition.js';
import type { Schema } from '../schema/schema.js';
import type { MigrationProgress } from './progress.js';

/** An event as it is to be in the target. Every recorded event is one, so a mapping may return what it was given. */
export interface MigratedEvent {
  /**
   * UUID. Default: for the first event that an original becomes, the original's id; for each further one, a UUID v5 of
   * that id and its place, so that it is the same in every run.
   */
  readonly id?: string | undefined;
  readonly stream: string;
  readonly type: string;
  /** Default: 1. */
  readonly schemaVersion?: number | undefined;
  readonly data: unknown;
  readonly metadata?: Metadata | undefined;
}

/** New names by old ones (what is not listed stays as it is), or a function from old to new. */
export type Renaming = Readonly<Record<string, string>> | ((name: string) => string);

/** What becomes of the events on their way. All of it must be pure: the verification does it again. */
export interface MigrationTransformation {
  /** Which events of the source are copied, by their names there. Default: all. */
  readonly filter?: EventFilter | undefined;
  /** First: brings events to their newest version by the upcasters of a schema. Default: they stay as stored. */
  readonly schema?: Schema | undefined;
  /** Then: new names. Default: names stay. */
  readonly rename?:
    | { readonly streams?: Renaming | undefined; readonly types?: Renaming | undefined }
    | undefined;
  /** Last: one event, several, or none (`undefined` or an empty list) for each. Default: each stays one. */
  readonly map?: ((event: RecordedEvent) => MigratedEvent | readonly MigratedEvent[] | undefined) | undefined;
}

/** Options of {@link migrate}. */
export interface MigrationOptions extends MigrationTransformation {
  /**
   * What the progress is kept under in the target's checkpoints, as `migration:<name>`, and what the `$origin` of each copy
   * says. A run with the name of one that was cut off goes on where that ended. Up to 100 characters.
   */
  readonly name: string;
  /** Where the events come from. For a migration within one store, the `events` of the target itself. Opened. */
  readonly from: EventStore;
  /** Where they go, and where the progress is kept. Opened; closing it is the caller's too. */
  readonly to: Pick<Backend, 'events' | 'checkpoints' | 'transaction'>;
  /**
   * `empty`: the target must have no events when the migration begins. `existing`: it may, but none of the streams that
   * are written to may exist. Default: `empty`, and `existing` within one store.
   */
  readonly into?: 'empty' | 'existing' | undefined;
  /** Stop behind this position of the source. Default: its head at the start; with `follow`, none. */
  readonly until?: bigint | undefined;
  /**
   * True: having caught up, it goes on copying what comes until {@link Migration.finish} is called: the writers are stopped,
   * the rest is copied and verified, and the new store takes over. Default: false.
   */
  readonly follow?: boolean | undefined;
  /** Most events that are read, and written, at a time. Default: 500. */
  readonly batchSize?: number | undefined;
  /** False leaves the verification out. Default: true. */
  readonly verify?: boolean | undefined;
  /** Called after each batch. What it throws ends the migration. */
  readonly onProgress?: ((progress: MigrationProgress) => void) | undefined;
  /** Ends the migration with the signal's reason. What was copied stays; another run goes on behind it. */
  readonly signal?: AbortSignal | undefined;
  /** How an outage of either store is waited out; each batch copied starts the count anew. Default: 10 tries, 200 ms to 10 s. */
  readonly retry?: RetryPolicy | undefined;
  /** Default: the machine's. */
  readonly clock?: Clock | undefined;
}
