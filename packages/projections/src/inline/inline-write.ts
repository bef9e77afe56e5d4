import {
  type RecordedEvent,
  type Transaction,
  TransactionConflictError,
  type TransactionLock,
} from '@tidemark/core';
import { ProjectionReplacedError } from '../errors.js';
import type { Generations } from '../generations/generations.js';
import { type SwitchRow, switchLock } from '../generations/switch-row.js';
import { isOf } from '../generations/transitions.js';

/** Most documents that an append locks one by one; for more, it keeps all others away from the projection. */
const mostKeys = 250;

const neverAborted = new AbortController().signal;

/** What one append writes to one inline projection. */
export class InlineWrite {
  readonly #generations: Generations;
  /** Keys of the documents that it expects to write; `undefined`: the whole of the projection. */
  #keys: ReadonlySet<string> | undefined;
  #generation = 0;

  /** @param expected the events as they will probably be recorded, if that can be told */
  constructor(generations: Generations, expected: readonly RecordedEvent[] | undefined) {
    this.#generations = generations;
    this.#keys = this.#keysOf(expected);
  }

  /** Whom it must keep away: who changes the generations, and who writes to the same documents. */
  locks(): readonly TransactionLock[] {
    const name = switchLock(this.#generations.definition.name);
    if (this.#keys === undefined) return [{ name, mode: 'exclusive' }];
    return [
      { name, mode: 'shared' },
      ...[...this.#keys].map(
        (key): TransactionLock => ({ name: `${name} document ${key}`, mode: 'exclusive' }),
      ),
    ];
  }

  /**
   * Finds the generation to write to, under the lock that keeps it.
   *
   * @throws {ProjectionReplacedError} another process has put a generation of another version or mode in its place
   */
  begin(rows: ReadonlyMap<string, SwitchRow>): void {
    const { definition } = this.#generations;
    const row = rows.get(definition.name);
    if (row === undefined || !isOf(row.active, definition)) {
      throw new ProjectionReplacedError(definition.name, definition.version, row?.active);
    }
    this.#generations.note(row);
    this.#generation = row.active.number;
  }

  /**
   * Writes the recorded events.
   *
   * @throws {TransactionConflictError} they belong to other documents than was expected: done again, the whole is locked
   * @throws {ProjectionHandlerError} a handler failed
   */
  async finish(tx: Transaction, recorded: readonly RecordedEvent[]): Promise<void> {
    const { definition, storage } = this.#generations;
    const events = recorded.filter(({ type }) => definition.types.includes(type));
    if (events.length === 0) return;
    const locked = this.#keys;
    if (locked !== undefined && storage.keys(events)?.every((key) => locked.has(key)) !== true) {
      this.#keys = undefined;
      throw new TransactionConflictError(
        `The events belong to other documents of projection "${definition.name}" than could be told before they were recorded. ` +
          'Do it again.',
      );
    }
    await storage.write(tx, this.#generation, events, { isReplay: false, signal: neverAborted });
  }

  #keysOf(expected: readonly RecordedEvent[] | undefined): ReadonlySet<string> | undefined {
    if (expected === undefined) return undefined;
    const { definition, storage } = this.#generations;
    try {
      const keys = storage.keys(expected.filter(({ type }) => definition.types.includes(type)));
      return keys === undefined || keys.length > mostKeys ? undefined : new Set(keys);
    } catch {
      // What a selector throws for the recorded event is told then.
      return undefined;
    }
  }
}
