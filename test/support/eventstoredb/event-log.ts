import { randomUUID } from 'node:crypto';
import { EventEmitter, once } from 'node:events';
import { checkCommit, type Decision, type ExpectedRevision, type StreamHead } from './commit-check.js';
import { DELETED_REVISION, type EventRecord, type ProposedEvent } from './event-record.js';
import {
  isMetaStream,
  metaStreamOf,
  parseSettings,
  softDeleted,
  type StreamSettings,
  withTruncateBefore,
} from './stream-settings.js';

/** What became of a write. */
export type WriteOutcome =
  | { readonly kind: 'written'; readonly revision: bigint; readonly position: bigint | undefined }
  | { readonly kind: 'wrong-expected-version'; readonly revision: bigint }
  | { readonly kind: 'deleted' };

interface Stream {
  readonly events: EventRecord[];
  readonly byId: Map<string, EventRecord>;
  tombstone: EventRecord | undefined;
}

/** The log of one EventStoreDB in memory: streams, their metadata, soft deletes and tombstones. */
export class EventLog {
  readonly #events: EventRecord[] = [];
  readonly #streams = new Map<string, Stream>();
  readonly #changes = new EventEmitter().setMaxListeners(0);
  #nextPosition = 512n;

  /** All events in the order of the log. */
  get events(): readonly EventRecord[] {
    return this.#events;
  }

  /** The index of the first event at or behind a position. */
  indexOf(position: bigint): number {
    let low = 0;
    let high = this.#events.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const event = this.#events[middle];
      if (event !== undefined && event.position < position) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** The events of a stream, also those that its metadata hides. */
  stream(streamId: string): readonly EventRecord[] {
    return this.#streams.get(streamId)?.events ?? [];
  }

  /** The names of all streams. */
  streamIds(): readonly string[] {
    return [...this.#streams.keys()];
  }

  /** What the stream's metadata says. */
  settings(streamId: string): StreamSettings {
    const newest = this.stream(metaStreamOf(streamId)).at(-1);
    return newest === undefined ? {} : parseSettings(newest.data);
  }

  /** The tombstone of a stream; of a metadata stream, that of its stream. */
  tombstoneOf(streamId: string): EventRecord | undefined {
    const owner = isMetaStream(streamId) ? streamId.slice(2) : streamId;
    return this.#streams.get(owner)?.tombstone;
  }

  /** Whether the stream was deleted for good. */
  isTombstoned(streamId: string): boolean {
    return this.tombstoneOf(streamId) !== undefined;
  }

  /** Whether the stream was deleted in a way that lets it be written again. */
  isSoftDeleted(streamId: string): boolean {
    return this.settings(streamId).truncateBefore === DELETED_REVISION;
  }

  /** Appends events, all or none. */
  append(streamId: string, expected: ExpectedRevision, events: readonly ProposedEvent[]): WriteOutcome {
    const refusal = this.#refusal(
      streamId,
      expected,
      events.map(({ id }) => id),
    );
    if (refusal !== undefined) return refusal;
    const recreates = this.isSoftDeleted(streamId);
    const next = BigInt(this.stream(streamId).length);
    const written = events.map((event) => this.#write(streamId, event));
    if (recreates) {
      const old = this.stream(metaStreamOf(streamId)).at(-1);
      this.#writeMetadata(streamId, withTruncateBefore(old?.data ?? new Uint8Array(), next));
    }
    this.#changes.emit('change');
    const last = written.at(-1);
    return { kind: 'written', revision: last?.revision ?? next - 1n, position: last?.position };
  }

  /** Deletes a stream so that it can be written again, with revisions going on. */
  softDelete(streamId: string, expected: ExpectedRevision): WriteOutcome {
    const refusal = this.#refusal(streamId, expected, [randomUUID()]);
    if (refusal !== undefined) return refusal;
    if (this.stream(streamId).length === 0 && this.stream(metaStreamOf(streamId)).length === 0) {
      return { kind: 'wrong-expected-version', revision: -1n };
    }
    const { revision, position } = this.#writeMetadata(streamId, softDeleted());
    this.#changes.emit('change');
    return { kind: 'written', revision, position };
  }

  /** Deletes a stream for good. */
  tombstone(streamId: string, expected: ExpectedRevision): WriteOutcome {
    const id = randomUUID();
    const refusal = this.#refusal(streamId, expected, [id]);
    if (refusal !== undefined) return refusal;
    const nothing = new Uint8Array();
    const record: EventRecord = {
      streamId,
      id,
      type: '$streamDeleted',
      isJson: false,
      data: nothing,
      metadata: nothing,
      revision: DELETED_REVISION,
      position: this.#advance(96),
      created: Date.now(),
    };
    this.#events.push(record);
    this.#of(streamId).tombstone = record;
    this.#changes.emit('change');
    return { kind: 'written', revision: record.revision, position: record.position };
  }

  /** Resolves once the log has grown behind `length` events. */
  async grown(length: number, signal: AbortSignal): Promise<void> {
    while (this.#events.length <= length) await once(this.#changes, 'change', { signal });
  }

  /** Calls back after each write, until the returned function is called. */
  onChange(listener: () => void): () => void {
    this.#changes.on('change', listener);
    return () => this.#changes.off('change', listener);
  }

  #refusal(streamId: string, expected: ExpectedRevision, ids: readonly string[]): WriteOutcome | undefined {
    const decision: Decision = checkCommit(this.#head(streamId), expected, ids);
    switch (decision.kind) {
      case 'ok':
        return undefined;
      case 'deleted':
        return decision;
      case 'wrong-expected-version':
        return { kind: 'wrong-expected-version', revision: this.#head(streamId).revision };
      case 'idempotent':
        return { kind: 'written', revision: decision.last.revision, position: decision.last.position };
      default:
        return decision satisfies never;
    }
  }

  #head(streamId: string): StreamHead {
    const events = this.stream(streamId);
    return {
      revision: BigInt(events.length) - 1n,
      tombstoned: this.isTombstoned(streamId),
      softDeleted: this.isSoftDeleted(streamId),
      hasMetadata: this.stream(metaStreamOf(streamId)).length > 0,
      find: (id) => this.#streams.get(streamId)?.byId.get(id),
      at: (revision) => events[Number(revision)],
    };
  }

  #writeMetadata(streamId: string, data: Uint8Array): EventRecord {
    const metadata = new Uint8Array();
    return this.#write(metaStreamOf(streamId), {
      id: randomUUID(),
      type: '$metadata',
      isJson: true,
      data,
      metadata,
    });
  }

  #write(streamId: string, event: ProposedEvent): EventRecord {
    const stream = this.#of(streamId);
    const size = event.data.length + event.metadata.length + streamId.length + event.type.length + 80;
    const record: EventRecord = {
      ...event,
      streamId,
      revision: BigInt(stream.events.length),
      position: this.#advance(size),
      created: Date.now(),
    };
    stream.events.push(record);
    stream.byId.set(record.id, record);
    this.#events.push(record);
    return record;
  }

  #of(streamId: string): Stream {
    const known = this.#streams.get(streamId);
    if (known !== undefined) return known;
    const stream: Stream = { events: [], byId: new Map(), tombstone: undefined };
    this.#streams.set(streamId, stream);
    return stream;
  }

  #advance(size: number): bigint {
    const position = this.#nextPosition;
    this.#nextPosition += BigInt(size);
    return position;
  }
}
