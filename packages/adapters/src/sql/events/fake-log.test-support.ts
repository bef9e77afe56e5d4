import { jsonCodec } from '@tidemark/core';
import type { Health, SubscribeOptions } from '@tidemark/core';
import type { SqlParameter, SqlRow, SqlRows, SqlSession } from '../driver.js';
import { SchemaNames } from '../schema-names.js';
import { EventRows } from './event-rows.js';
import { LogPages } from './log-page.js';
import { LogTail, type LogTailOptions } from './log-tail.js';
import type { Relay, RelayListener, Stretch } from './relay.js';
import { SqlSubscription } from './subscription.js';

/** A row as the database writes it, of an event whose data are its position. */
export const rowAt = (position: bigint, type = 'T', stream = 's'): SqlRow => [
  String(position),
  stream,
  String(position),
  '00000000-0000-4000-8000-000000000000',
  type,
  '1',
  String(position),
  '{}',
  '0',
];

/** The database, as far as the tail and pages ask it. */
export class FakeDatabase implements SqlSession {
  identity = 'one';
  rows: readonly SqlRow[] = [];
  safe = 0n;
  /** Whether more positions were given out than are safe. */
  held = false;
  /** What each statement that comes fails with. */
  error: Error | undefined;
  /** What each page fails with. */
  pageError: Error | undefined;
  readonly looks: (string | null)[] = [];
  pages = 0;
  /** Held up until it settles. */
  hold: Promise<void> | undefined;

  /** Writes events at positions, all safe. */
  write(...rows: readonly SqlRow[]): void {
    this.rows = [...this.rows, ...rows];
    this.safe = BigInt(rows.at(-1)?.[0] ?? this.safe);
  }

  between(after: bigint, upTo: bigint): readonly SqlRow[] {
    return this.rows.filter(([position]) => BigInt(position ?? 0) > after && BigInt(position ?? 0) <= upTo);
  }

  stretch(after: bigint, upTo: bigint): Stretch {
    return { after, upTo, rows: this.between(after, upTo) };
  }

  async run(text: string, parameters: readonly SqlParameter[]): Promise<SqlRows> {
    const answer = this.#answer(text, parameters);
    await this.hold;
    await Promise.resolve();
    if (this.error !== undefined) throw this.error;
    return { rows: answer, affectedRows: 0 };
  }

  #answer(
    text: string,
    [first = null, second = null, third = null, types = null]: readonly SqlParameter[],
  ): readonly SqlRow[] {
    if (text.includes('UPDATE')) {
      this.identity = `${this.identity}+`;
      return [];
    }
    if (text.includes('log_identity()')) return [[this.identity]];
    if (text.includes('read_safe')) {
      const after = first === null ? null : String(first);
      this.looks.push(after);
      const rows = after === null ? [] : this.between(BigInt(after), this.safe);
      return [[String(this.safe), this.identity, this.held ? '1' : '0'], ...rows.slice(0, Number(second))];
    }
    this.pages += 1;
    if (this.pageError !== undefined) throw this.pageError;
    return this.between(BigInt(String(first)) - 1n, BigInt(String(second)))
      .filter(([, , , , type]) => types === null || String(types).includes(`"${type}"`))
      .slice(0, Number(third));
  }

  async script(): Promise<void> {
    throw new Error('not used');
  }

  async query(): Promise<never> {
    throw new Error('not used');
  }
}

/** A relay that does what it is told, and notes what it was told. */
export class FakeRelay implements Relay {
  leads = false;
  follows = false;
  readonly calls: string[] = [];
  readonly offered: Stretch[] = [];
  readonly listeners: RelayListener[] = [];

  get listener(): RelayListener {
    const listener = this.listeners.at(-1);
    if (listener === undefined) throw new Error('The relay was not started.');
    return listener;
  }

  start(log: string, listener: RelayListener): void {
    this.calls.push(`start ${log}`);
    this.listeners.push(listener);
  }

  async stop(): Promise<void> {
    this.calls.push('stop');
  }

  interest(any: boolean): void {
    this.calls.push(`interest ${any}`);
  }

  announce(): void {
    this.calls.push('announce');
  }

  offer(stretch: Stretch): void {
    this.offered.push(stretch);
  }

  health(): Health {
    return { status: 'up', reasons: [] };
  }
}

/** A tail over a database of its own. */
export const fakeTail = (options: Partial<LogTailOptions> = {}) => {
  const database = new FakeDatabase();
  const names = new SchemaNames('tidemark');
  const rows = new EventRows(jsonCodec);
  const tail = new LogTail(database, names, { pollMs: 600_000, ...options });
  const source = { tail, rows, pages: new LogPages(database, names, rows, jsonCodec), readsAhead: false };
  return {
    database,
    tail,
    subscribe: (subscribe: SubscribeOptions = {}): SqlSubscription =>
      new SqlSubscription(source, subscribe, () => undefined),
  };
};
