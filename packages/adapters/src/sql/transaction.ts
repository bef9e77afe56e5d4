import { checkAppends, TransactionError } from '@tidemark/core';
import type {
  AppendResult,
  Clock,
  Codec,
  QueryResult,
  RecordedEvent,
  StreamAppend,
  Transaction,
  TransactionLock,
} from '@tidemark/core';
import { SqlCheckpointStore } from './checkpoints.js';
import type { Collections } from './documents/collections.js';
import { SqlDeadLetterStore } from './dead-letters/dead-letter-store.js';
import { SqlDocumentStore } from './documents/document-store.js';
import type { SqlParameter, SqlRows, SqlSession } from './driver.js';
import { encodeAppend, type AppendFunctions } from './events/append.js';
import { TransactionLog } from './events/transaction-log.js';
import { SqlLeaseStore } from './leases.js';
import type { SchemaNames } from './schema-names.js';
import { SqlTimerStore } from './timers.js';
import { takeLocks } from './transaction-locks.js';

/** What a transaction shares with its backend. */
export interface TransactionParts {
  readonly names: SchemaNames;
  readonly codec: Codec;
  readonly clock: Clock | undefined;
  readonly collections: Collections;
  readonly functions: AppendFunctions;
}

/** A session that can be closed, so that what is used behind the end of its transaction is refused. */
class GuardedSession implements SqlSession {
  readonly #session: SqlSession;
  #over = false;

  constructor(session: SqlSession) {
    this.#session = session;
  }

  end(): void {
    this.#over = true;
  }

  async run(text: string, parameters: readonly SqlParameter[]): Promise<SqlRows> {
    this.checkUsable();
    return this.#session.run(text, parameters);
  }

  async script(text: string): Promise<void> {
    this.checkUsable();
    return this.#session.script(text);
  }

  async query<Row>(text: string, parameters: readonly unknown[]): Promise<QueryResult<Row>> {
    this.checkUsable();
    return this.#session.query(text, parameters);
  }

  checkUsable(): void {
    if (this.#over) {
      throw new TransactionError(
        'The transaction is over: await everything that is done through it before its work returns.',
      );
    }
  }
}

/** The ports of a SQL backend, bound to one transaction of the database. */
export class SqlTransaction implements Transaction {
  readonly checkpoints: SqlCheckpointStore;
  readonly documents: SqlDocumentStore;
  readonly timers: SqlTimerStore;
  readonly leases: SqlLeaseStore;
  readonly deadLetters: SqlDeadLetterStore;
  readonly #session: GuardedSession;
  readonly #functions: AppendFunctions;
  readonly #codec: Codec;
  readonly #names: SchemaNames;
  readonly #log: TransactionLog;
  #appended = false;

  constructor(session: SqlSession, { names, codec, clock, collections, functions }: TransactionParts) {
    const guarded = new GuardedSession(session);
    this.#session = guarded;
    this.#functions = functions;
    this.#codec = codec;
    this.#names = names;
    this.#log = new TransactionLog(guarded, names, codec);
    this.checkpoints = new SqlCheckpointStore(guarded, names);
    this.documents = new SqlDocumentStore(
      guarded,
      collections.within(),
      codec,
      (work) => work(guarded),
      false,
    );
    this.timers = new SqlTimerStore(guarded, names, codec, clock);
    this.leases = new SqlLeaseStore(guarded, names, clock);
    this.deadLetters = new SqlDeadLetterStore(guarded, names, codec, clock, (work) => work(guarded));
  }

  /** True when the log may have grown. */
  get appended(): boolean {
    return this.#appended;
  }

  async append(appends: readonly StreamAppend[]): Promise<readonly AppendResult[]> {
    this.#session.checkUsable();
    checkAppends(appends);
    const encoded = appends.map((append) => encodeAppend(append, this.#codec));
    const results = await this.#functions.atomically(this.#session, encoded);
    this.#appended = true;
    return results;
  }

  readVersions(stream: string, from: number, to: number): Promise<readonly RecordedEvent[]> {
    return this.#log.versions(stream, from, to);
  }

  readBehind(after: bigint, types: readonly string[], limit: number): Promise<readonly RecordedEvent[]> {
    return this.#log.behind(after, types, limit);
  }

  async lock(locks: readonly TransactionLock[]): Promise<void> {
    this.#session.checkUsable();
    await takeLocks(this.#session, this.#names, locks);
  }

  async query<Row = Record<string, unknown>>(
    sql: string,
    parameters: readonly unknown[] = [],
  ): Promise<QueryResult<Row>> {
    return this.#session.query<Row>(sql, parameters);
  }

  end(): void {
    this.#session.end();
  }
}
