import { checkName } from '../../log/check-names.js';
import { InvalidArgumentError } from '../../log/errors.js';
import type { Codec } from '../../schema/codec.js';
import type { Clock } from '../../clock.js';
import type { ClaimOptions, Timer, TimerStore } from '../timers.js';
import type { Table } from './table.js';
import type { Writer } from './writer.js';

export interface StoredTimer {
  readonly id: string;
  readonly target: string;
  /** Milliseconds since the epoch. */
  readonly dueAt: number;
  readonly payload: string;
  /** When it can be claimed: when it is due, or when the claim on it ends. */
  readonly claimableAt: number;
}

/** Timers in a table: the backend's, or those that a transaction sees. Time is the backend's clock. */
export class MemoryTimerStore implements TimerStore {
  readonly #table: Table<StoredTimer>;
  readonly #writer: Writer;
  readonly #codec: Codec;
  readonly #clock: Clock;

  constructor(table: Table<StoredTimer>, writer: Writer, codec: Codec, clock: Clock) {
    this.#table = table;
    this.#writer = writer;
    this.#codec = codec;
    this.#clock = clock;
  }

  async schedule(timers: readonly Timer[]): Promise<void> {
    const rows = timers.map((timer, index) => this.#row(timer, `timers[${index}]`));
    await this.#writer.write(() => {
      for (const row of rows) if (this.#table.get(row.id) === undefined) this.#table.set(row.id, row);
    });
  }

  async claimDue({ target, limit, claimMs }: ClaimOptions): Promise<readonly Timer[]> {
    if (!Number.isInteger(limit) || limit < 1) {
      throw new InvalidArgumentError('limit', 'must be an integer from 1');
    }
    if (!(claimMs > 0)) throw new InvalidArgumentError('claimMs', 'must be above 0');
    return this.#writer.write(() => {
      const now = this.#clock.now().getTime();
      const due = this.#of(target)
        .filter((timer) => timer.claimableAt <= now)
        .slice(0, limit);
      for (const timer of due) this.#table.set(timer.id, { ...timer, claimableAt: now + claimMs });
      return due.map((timer) => this.#timer(timer));
    });
  }

  async remove(ids: readonly string[]): Promise<void> {
    await this.#writer.write(() => {
      for (const id of ids) this.#table.delete(id);
    });
  }

  async untilNextDue(target: string): Promise<number | undefined> {
    this.#writer.checkUsable();
    const now = this.#clock.now().getTime();
    let next: number | undefined;
    for (const timer of this.#table.rows()) {
      if (timer.target === target && (next === undefined || timer.claimableAt < next)) {
        next = timer.claimableAt;
      }
    }
    return next === undefined ? undefined : Math.max(next - now, 0);
  }

  async list(target: string, limit = 100): Promise<readonly Timer[]> {
    this.#writer.checkUsable();
    return this.#of(target)
      .slice(0, limit)
      .map((timer) => this.#timer(timer));
  }

  /** Those of a target, earliest first. */
  #of(target: string): StoredTimer[] {
    return [...this.#table.rows()]
      .filter((timer) => timer.target === target)
      .toSorted((a, b) => a.dueAt - b.dueAt || (a.id < b.id ? -1 : 1));
  }

  #row(timer: Timer, argument: string): StoredTimer {
    checkName(timer.id, `${argument}.id`, 500);
    checkName(timer.target, `${argument}.target`, 500);
    const dueAt = timer.dueAt.getTime();
    if (Number.isNaN(dueAt)) throw new InvalidArgumentError(`${argument}.dueAt`, 'must be a valid date');
    const payload = this.#codec.encode(timer.payload, `${argument}.payload`);
    return { id: timer.id, target: timer.target, dueAt, payload, claimableAt: dueAt };
  }

  #timer({ id, target, dueAt, payload }: StoredTimer): Timer {
    return { id, target, dueAt: new Date(dueAt), payload: this.#codec.decode(payload) };
  }
}
