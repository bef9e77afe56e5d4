import {
  UnsupportedError,
  type AppendResult,
  type QueryResult,
  type RecordedEvent,
  type Transaction,
} from '@tidemark/core';

const refusal = (what: string): UnsupportedError =>
  new UnsupportedError(
    `EventStoreDB has no transactions, so ${what} cannot join one: the transaction is that of the state beside it. ` +
      'Append outside of it, or take a backend that keeps events and state together (memory, PGlite, PostgreSQL).',
  );

/** A transaction of the state: all but the events. */
export class StateTransaction implements Transaction {
  readonly checkpoints: Transaction['checkpoints'];
  readonly documents: Transaction['documents'];
  readonly timers: Transaction['timers'];
  readonly leases: Transaction['leases'];
  readonly deadLetters: Transaction['deadLetters'];
  readonly #inner: Transaction;

  constructor(inner: Transaction) {
    this.#inner = inner;
    this.checkpoints = inner.checkpoints;
    this.documents = inner.documents;
    this.timers = inner.timers;
    this.leases = inner.leases;
    this.deadLetters = inner.deadLetters;
  }

  async append(): Promise<readonly AppendResult[]> {
    throw refusal('an append');
  }

  async readVersions(): Promise<readonly RecordedEvent[]> {
    throw refusal('a read of events');
  }

  async readBehind(): Promise<readonly RecordedEvent[]> {
    throw refusal('a read of events');
  }

  lock(...parameters: Parameters<Transaction['lock']>): Promise<void> {
    return this.#inner.lock(...parameters);
  }

  query<Row = Record<string, unknown>>(
    sql: string,
    parameters?: readonly unknown[],
  ): Promise<QueryResult<Row>> {
    return this.#inner.query<Row>(sql, parameters);
  }
}
