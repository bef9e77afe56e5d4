import type { Metadata } from '../messages/metadata.js';
import type { Definition } from './definition.js';

/** A type of event at one version of its schema. */
export interface EventVersion {
  readonly type: string;
  readonly version: number;
}

/** What an upcaster sees of an old event. */
export interface OldEvent<Data = unknown> extends EventVersion {
  readonly data: Data;
  readonly metadata: Metadata;
  readonly stream: string;
  readonly recordedAt: Date;
}

/** What an upcaster makes of it. Left-out fields are as in the old event, but the version, which is one higher. */
export interface UpcastEvent {
  readonly type?: string | undefined;
  readonly version?: number | undefined;
  readonly data: unknown;
  readonly metadata?: Metadata | undefined;
}

/** One step from a version of an event type to its successor. */
export interface UpcasterDefinition extends Definition {
  readonly kind: 'upcaster';
  readonly from: EventVersion;
  /** Every type and version that {@link upcast} may return; empty if it drops the event always. */
  readonly to: readonly EventVersion[];
  /** Returns one event, several (a split), or none (the event is dropped). Must be pure. */
  upcast(event: OldEvent): readonly UpcastEvent[];
}
