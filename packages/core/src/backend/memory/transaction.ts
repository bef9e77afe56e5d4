import { checkAppends } from '../../log/check-append.js';
import { UnsupportedError } from '../../log/errors.js';
import type { AppendResult, StreamAppend } from '../../log/event-store.js';
import type { RecordedEvent } from '../../messages/event.js';
import { TransactionError, type QueryResult, type Transaction } from '../transaction.js';
import { checkpointKey, MemoryCheckpointStore } from './checkpoints.js';
import { MemoryDeadLetterStore } from './dead-letters.js';
import { OverlaidDocumentTables } from './document-tables.js';
import { MemoryDocumentStore } from './documents.js';
import { MemoryLeaseStore } from './leases.js';
import { letterKey, sequenceKey } from './letters.js';
import { StagedAppends } from './log.js';
import type { MemoryState } from './state.js';
import { OverlaidTable } from './table.js';
import { MemoryTimerStore } from './timers.js';
import type { Writer } from './writer.js';

/**
 * A transaction of the memory backend: all its changes lie over the backend's data, seen by nobody else, until
 * {@link commit} makes them real in one go. Rolling back is letting them go.
 */
export class MemoryTransaction implements Transaction, Writer {
  readonly checkpoints: MemoryCheckpointStore;
  readonly documents: MemoryDocumentStore;
  readonly timers: MemoryTimerStore;
  readonly leases: MemoryLeaseStore;
  readonly deadLetters: MemoryDeadLetterStore;
  readonly #appends: StagedAppends;
  readonly #overlays: readonly { commit(): void }[];
  #over = false;

  constructor({ log, checkpoints, collections, documents, timers, leases, deadLetters }: MemoryState) {
    const { codec, clock } = log;
    const ownCheckpoints = new OverlaidTable(checkpoints, checkpointKey);
    const ownCollections = new OverlaidTable(collections, (collection) => collection.name);
    const ownDocuments = new OverlaidDocumentTables(documents);
    const ownTimers = new OverlaidTable(timers, (timer) => timer.id);
    const ownLeases = new OverlaidTable(leases, (lease) => lease.name);
    const ownLetters = new OverlaidTable(deadLetters.letters, letterKey);
    const ownSequences = new OverlaidTable(deadLetters.sequences, sequenceKey);
    const ownAudit = new OverlaidTable(deadLetters.audit, ({ number }) => String(number));
    this.#appends = new StagedAppends(log);
    this.checkpoints = new MemoryCheckpointStore(ownCheckpoints, ownLeases, this);
    this.documents = new MemoryDocumentStore(ownCollections, ownDocuments, this, codec);
    this.timers = new MemoryTimerStore(ownTimers, this, codec, clock);
    this.leases = new MemoryLeaseStore(ownLeases, this, clock);
    this.deadLetters = new MemoryDeadLetterStore(
      { letters: ownLetters, sequences: ownSequences, audit: ownAudit, numbers: deadLetters.numbers },
      this,
      codec,
      clock,
    );
    this.#overlays = [
      ownCheckpoints,
      ownCollections,
      ownDocuments,
      ownTimers,
      ownLeases,
      ownLetters,
      ownSequences,
      ownAudit,
      // The log comes last, so that whoever it wakes finds everything in place.
      this.#appends,
    ];
  }

  async append(appends: readonly StreamAppend[]): Promise<readonly AppendResult[]> {
    checkAppends(appends);
    return this.write(() => this.#appends.append(appends));
  }

  async readVersions(stream: string, from: number, to: number): Promise<readonly RecordedEvent[]> {
    this.checkUsable();
    const events: RecordedEvent[] = [];
    for (let version = from; version <= to; version += 1) {
      const event = this.#appends.at(stream, version);
      if (event !== undefined) events.push(event.recorded());
    }
    return events;
  }

  async readBehind(
    after: bigint,
    types: readonly string[],
    limit: number,
  ): Promise<readonly RecordedEvent[]> {
    this.checkUsable();
    const events: RecordedEvent[] = [];
    for (const event of this.#appends.behind(after)) {
      if (events.length >= limit) break;
      if (types.includes(event.type)) events.push(event.recorded());
    }
    return events;
  }

  /** There is one transaction at a time, so it has every lock. */
  async lock(): Promise<void> {
    this.checkUsable();
  }

  async query<Row>(): Promise<QueryResult<Row>> {
    throw new UnsupportedError(
      'The memory backend has no SQL. Use its documents, or a backend with SQL such as PGlite.',
    );
  }

  async write<Result>(change: () => Result): Promise<Result> {
    this.checkUsable();
    return change();
  }

  checkUsable(): void {
    if (this.#over) {
      throw new TransactionError(
        'The transaction is over: await everything that is done through it before its work returns.',
      );
    }
  }

  commit(): void {
    for (const overlay of this.#overlays) overlay.commit();
  }

  end(): void {
    this.#over = true;
  }
}
