import { systemClock, type Clock } from '../../clock.js';
import { StoreUnavailableError } from '../../log/errors.js';
import { jsonCodec, type Codec } from '../../schema/codec.js';
import type { Backend } from '../backend.js';
import type { LeaseStore } from '../leases.js';
import type { Transaction } from '../transaction.js';
import { MemoryCheckpointStore } from './checkpoints.js';
import { MemoryDeadLetterStore } from './dead-letters.js';
import { MapDocumentTables } from './document-tables.js';
import { MemoryDocumentStore } from './documents.js';
import { MemoryEventStore } from './event-store.js';
import { Gate } from './gate.js';
import { MemoryLeaseStore } from './leases.js';
import { Log } from './log.js';
import { MemoryNodeStore } from './nodes.js';
import { MemorySnapshotStore } from './snapshots.js';
import type { MemoryState } from './state.js';
import { MapTable } from './table.js';
import { MemoryTimerStore } from './timers.js';
import { MemoryTransaction } from './transaction.js';
import type { Writer } from './writer.js';

/** Options of {@link memory}. */
export interface MemoryOptions {
  /** Gives the time for `recordedAt`, `maxAge`, timers, leases, dead letters and nodes. Default: the machine's. */
  readonly clock?: Clock | undefined;
  /** Default: {@link jsonCodec}. */
  readonly codec?: Codec | undefined;
}

class MemoryBackend implements Backend, Writer {
  readonly name = 'memory';
  readonly sql = false;
  readonly events: MemoryEventStore;
  readonly checkpoints: MemoryCheckpointStore;
  readonly snapshots: MemorySnapshotStore;
  readonly documents: MemoryDocumentStore;
  readonly timers: MemoryTimerStore;
  readonly leases: LeaseStore;
  readonly deadLetters: MemoryDeadLetterStore;
  readonly nodes: MemoryNodeStore;
  readonly #gate = new Gate();
  readonly #state: MemoryState;
  #closed = false;

  constructor(clock: Clock, codec: Codec) {
    this.#state = {
      log: new Log(codec, clock),
      checkpoints: new MapTable(),
      collections: new MapTable(),
      documents: new MapDocumentTables(),
      timers: new MapTable(),
      leases: new MapTable(),
      deadLetters: {
        letters: new MapTable(),
        sequences: new MapTable(),
        audit: new MapTable(),
        numbers: { last: 0n },
      },
    };
    const { log, checkpoints, collections, documents, timers, leases, deadLetters } = this.#state;
    this.events = new MemoryEventStore(log, this);
    this.checkpoints = new MemoryCheckpointStore(checkpoints, leases, this);
    this.snapshots = new MemorySnapshotStore(codec, this);
    this.documents = new MemoryDocumentStore(collections, documents, this, codec);
    this.timers = new MemoryTimerStore(timers, this, codec, clock);
    this.leases = new MemoryLeaseStore(leases, this, clock);
    this.deadLetters = new MemoryDeadLetterStore(deadLetters, this, codec, clock);
    this.nodes = new MemoryNodeStore(this, clock);
  }

  transaction<Result>(work: (tx: Transaction) => Promise<Result>): Promise<Result> {
    return this.#gate.hold(async () => {
      this.checkUsable();
      const tx = new MemoryTransaction(this.#state);
      try {
        const result = await work(tx);
        this.checkUsable();
        tx.commit();
        return result;
      } finally {
        tx.end();
      }
    });
  }

  write<Result>(change: () => Result): Promise<Result> {
    return this.#gate.write(() => {
      this.checkUsable();
      return change();
    });
  }

  checkUsable(): void {
    if (this.#closed) {
      throw new StoreUnavailableError('The memory backend is closed: open it before it is used again.');
    }
  }

  async open(): Promise<void> {
    this.#closed = false;
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.events.endSubscriptions();
  }
}

/**
 * A backend in the memory of this process, for tests and for trying things out: every port, real transactions, and
 * nothing kept when the process ends. It can be used without being opened. Closed and opened again, it holds what it held
 * before, so that a test can restart an application on it.
 *
 * Everything goes through the codec on its way in and out, as with a database: what a caller changes later changes nothing
 * here. Writes wait for a transaction that is under way; reads do not, and see nothing of it.
 *
 * @example
 * ```ts
 * const app = createApp({ backend: memory(), register: [Order] });
 * ```
 */
export const memory = ({ clock = systemClock, codec = jsonCodec }: MemoryOptions = {}): Backend =>
  new MemoryBackend(clock, codec);
