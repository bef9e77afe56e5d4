import { AsyncResource } from 'node:async_hooks';
import { StoreUnavailableError, type Health } from '@tidemark/core';
import type { SqlRow, SqlSession } from '../driver.js';
import type { SchemaNames } from '../schema-names.js';
import { Due } from './due.js';
import { LogRing, type LogRingLimits } from './log-ring.js';
import type { Relay, Stretch } from './relay.js';
import { TailWaiters, type Waiting, type Woken } from './tail-waiters.js';

/** What the ring holds by default. */
const defaultLimits: LogRingLimits = { rows: 10_000, text: 32 * 1024 * 1024 };

/** Most events that one look at the database reads. */
const mostRead = 1_000;

/** Options of {@link LogTail}. */
export interface LogTailOptions {
  /** Carries wake-ups from process to process; without one, there are none but this process's own. */
  readonly relay?: Relay | undefined;
  /** How long to wait before looking again unasked, in milliseconds. */
  readonly pollMs: number;
  /**
   * Whether the database may become another one while it is open: a restored backup, or a standby that took over. Default:
   * true.
   */
  readonly mayChange?: boolean | undefined;
  /** Default: 10,000 rows and 32 Mi characters. */
  readonly limits?: LogRingLimits | undefined;
}

const closed = 'The backend is closed: open it before it is used.';

interface Looker {
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/** Receives a function that ends a wait at once. */
export type OnCancel = (cancel: () => void) => void;

/**
 * The end of the log, kept in memory for all subscriptions of a backend.
 *
 * One loop looks at the database for all of them: when someone here has appended, when the relay says so, and now and then by
 * itself. What it finds safe goes into a ring, from which each subscription takes what it wants. What the relay brings goes
 * there too, if it joins on to what is there. While nobody subscribes, nobody looks.
 *
 * Each look also brings the log's identity. When that changes, under a connection that now leads to a restored backup or to
 * another server, the ring is emptied, and the relay is started anew for the other log.
 *
 * While the database is away, everybody waits, and it is looked again and again, less and less often. Whatever else fails a
 * look ends the waits with that error.
 */
export class LogTail {
  readonly #session: SqlSession;
  readonly #relay: Relay | undefined;
  readonly #ring: LogRing;
  readonly #mayChange: boolean;
  readonly #most: LogRingLimits;
  readonly #due: Due;
  readonly #waiters = new TailWaiters();
  readonly #readSafe: string;
  readonly #askIdentity: string;
  readonly #raiseEpoch: string;
  /** The log that the ring and the relay are of; `undefined` before opening and after closing. */
  #identity: string | undefined;
  /** False while the ring says nothing about the log. */
  #filled = false;
  #followers = 0;
  /** Who waits for the next look, and who for the one that is under way. */
  #lookers = new Set<Looker>();
  #looking = new Set<Looker>();
  #feeding = false;
  /** True when the last look found more positions given out than are safe. */
  #held = false;
  /** Changes with every opening, closing and change of identity: what was begun before counts for nothing. */
  #era = 0;
  /** The loop must not run in the context of whoever subscribes first, which may be a transaction. */
  readonly #scope = new AsyncResource('TidemarkLogTail');
  /** The last of the relay's starts and stops, which happen one after the other. */
  #relayChange: Promise<void> = Promise.resolve();
  #relayRuns = false;
  /** While looks find the database away: since when, and why. */
  #trouble: { readonly since: Date; readonly reason: string } | undefined;

  constructor(
    session: SqlSession,
    names: SchemaNames,
    { relay, pollMs, mayChange = true, limits = defaultLimits }: LogTailOptions,
  ) {
    this.#session = session;
    this.#relay = relay;
    this.#mayChange = mayChange;
    this.#most = limits;
    this.#ring = new LogRing(limits);
    this.#due = new Due(pollMs, () => relay?.follows === true);
    this.#readSafe = names.fill('SELECT * FROM {schema}.read_safe($1::bigint, $2::integer, $3::boolean)');
    this.#askIdentity = names.fill('SELECT {schema}.log_identity()');
    this.#raiseEpoch = names.fill('UPDATE {schema}.log_epoch SET epoch = epoch + 1');
  }

  /** Everything up to here is known to be safe to read. */
  get end(): bigint {
    return this.#ring.end;
  }

  /** True when, as far as anybody here has heard, there is nothing behind the end. */
  get fresh(): boolean {
    return this.#filled && this.#due.isFresh;
  }

  /** False before it was opened, and when it was closed. */
  get isOpen(): boolean {
    return this.#identity !== undefined;
  }

  /** Whether those who follow the end of the log get anything, as the last look told. */
  health(): Health {
    if (this.#trouble === undefined || this.#followers === 0) return { status: 'up', reasons: [] };
    const { since, reason } = this.#trouble;
    return {
      status: 'degraded',
      reasons: [`Subscriptions wait since ${since.toISOString()}, and go on by themselves: ${reason}`],
    };
  }

  /** Asks which log this is, and starts the relay. */
  async open(): Promise<void> {
    this.#become(await this.#currentIdentity());
  }

  /** Ends every wait, and stops the relay. */
  async close(): Promise<void> {
    this.#become(undefined);
    this.#fail(new StoreUnavailableError(closed));
    await this.#relayChange;
  }

  /**
   * Looks whether this is still the same log, where nobody subscribes and so nobody else looks.
   *
   * @returns its identity
   */
  async checkIdentity(): Promise<string> {
    const era = this.#era;
    const identity = await this.#currentIdentity();
    if (era === this.#era && identity !== this.#identity) this.#become(identity);
    return identity;
  }

  /** Makes the log's identity another one, so that everybody forgets what is kept of it elsewhere. */
  async renewIdentity(): Promise<void> {
    await this.#session.run(this.#raiseEpoch, []);
    await this.checkIdentity();
  }

  /**
   * One more follows the end of the log, until it leaves. Looks first, as {@link look}.
   *
   * @throws as {@link look}; to be left also then
   */
  enter(onCancel: OnCancel): Promise<void> {
    this.#followers += 1;
    if (this.#followers === 1) this.#relay?.interest(true);
    const looked = this.look(onCancel);
    this.#keepFed();
    return looked;
  }

  leave(): void {
    this.#followers -= 1;
    if (this.#followers > 0) return;
    this.#relay?.interest(false);
    this.#trouble = undefined;
    this.#due.rouse();
  }

  /**
   * Has the database looked at, by a look that begins from now on; who asks together shares it. Only for those who follow.
   *
   * @throws {StoreUnavailableError} it is closed, or is now
   * @throws what else the database says, but that it is away, which is waited for
   */
  look(onCancel: OnCancel): Promise<void> {
    if (this.#identity === undefined) return Promise.reject(new StoreUnavailableError(closed));
    return new Promise((resolve, reject) => {
      const looker = { resolve, reject };
      this.#lookers.add(looker);
      onCancel(() => {
        this.#lookers.delete(looker);
        this.#looking.delete(looker);
        resolve();
      });
      this.#due.rouse();
    });
  }

  /**
   * Waits at the end of the log.
   *
   * @throws as {@link look}, when a look fails
   */
  wait(waiting: Waiting, onCancel: OnCancel): Promise<Woken> {
    if (this.#identity === undefined) return Promise.reject(new StoreUnavailableError(closed));
    return this.#waiters.wait(waiting, onCancel);
  }

  /** True when everything behind a position, up to the end, is in memory. */
  holds(position: bigint): boolean {
    return this.#filled && position >= this.#ring.start;
  }

  /** Visits rows in memory; as {@link LogRing.visit}. */
  visit(after: bigint, visitor: (row: SqlRow) => boolean): bigint {
    return this.#ring.visit(after, visitor);
  }

  /**
   * This process has committed an append.
   *
   * @param position of its last event, where it is known
   */
  announce(position?: bigint): void {
    this.#due.owe(position);
    this.#relay?.announce();
  }

  /** From now on, this is another log, or none. */
  #become(identity: string | undefined): void {
    this.#era += 1;
    this.#identity = identity;
    this.#filled = false;
    this.#ring.reset(0n);
    this.#waiters.wakeAll();
    this.#due.rouse();
    if (this.#followers > 0) this.#keepFed();
    if (this.#relay !== undefined) this.#relayChange = this.#switch(this.#relay, this.#relayChange, identity);
  }

  /** Stops the relay and starts it for another log, when the change before is done. */
  async #switch(relay: Relay, before: Promise<void>, identity: string | undefined): Promise<void> {
    const era = this.#era;
    await before;
    if (this.#relayRuns) await relay.stop();
    this.#relayRuns = identity !== undefined && era === this.#era;
    if (identity === undefined || !this.#relayRuns) return;
    relay.start(identity, {
      wake: () => {
        if (era === this.#era) this.#due.owe(undefined);
      },
      stretch: (stretch) => {
        if (era === this.#era) this.#extend(stretch);
      },
    });
    if (this.#followers > 0) relay.interest(true);
  }

  #keepFed(): void {
    if (this.#feeding) return;
    this.#feeding = true;
    this.#scope.runInAsyncScope(() => void this.#feed());
  }

  async #feed(): Promise<void> {
    // Those who come in the same turn share the first look.
    await Promise.resolve();
    while (this.#followers > 0 && this.#identity !== undefined) {
      const isAskedTo = this.#lookers.size > 0 && !this.#due.isFailing;
      if (isAskedTo || this.#due.isNow) await this.#look();
      else await this.#due.wait();
    }
    this.#feeding = false;
  }

  async #look(): Promise<void> {
    this.#looking = this.#lookers;
    this.#lookers = new Set();
    this.#due.begin();
    try {
      while (!(await this.#read()));
      this.#due.succeed(this.#held);
      this.#trouble = undefined;
      for (const { resolve } of this.#looking) resolve();
    } catch (error) {
      this.#due.fail();
      if (error instanceof StoreUnavailableError && this.#identity !== undefined) {
        this.#trouble = { since: this.#trouble?.since ?? new Date(), reason: error.message };
        for (const looker of this.#looking) this.#lookers.add(looker);
      } else {
        for (const { reject } of this.#looking) reject(error);
        this.#waiters.fail(error);
      }
    }
    this.#looking = new Set();
  }

  /** @returns true when the end of what is safe was reached */
  async #read(): Promise<boolean> {
    if (this.#identity === undefined) throw new StoreUnavailableError(closed);
    const era = this.#era;
    const after = this.#filled ? this.#ring.end : undefined;
    const { rows } = await this.#session.run(this.#readSafe, [
      after === undefined ? null : String(after),
      String(mostRead),
      String(this.#mayChange),
    ]);
    // Closed, or another log: what was read is of no use.
    if (era !== this.#era) return false;
    const [[position, identity, held] = [], ...events] = rows;
    const safe = BigInt(position as string);
    this.#held = held === '1';
    if (typeof identity === 'string' && identity !== this.#identity) {
      this.#become(identity);
      return false;
    }
    if (after === undefined) {
      this.#begin(safe);
      return true;
    }
    const last = events.length < mostRead ? safe : BigInt(events.at(-1)?.[0] as string);
    // Too much to be of use to those at the end: it would only drive out itself.
    if (safe - last > BigInt(this.#most.rows)) {
      this.#begin(safe);
      return true;
    }
    const stretch: Stretch = { after, upTo: last, rows: events };
    if (this.#extend(stretch) && this.#relay?.leads === true) this.#relay.offer(stretch);
    return last === safe;
  }

  /** Begins anew at the end; those who are not there yet read what they lack by themselves. */
  #begin(position: bigint): void {
    this.#filled = true;
    this.#ring.reset(position);
    this.#waiters.wakeAll();
  }

  #extend(stretch: Stretch): boolean {
    const rows = this.#filled ? this.#ring.extend(stretch) : undefined;
    if (rows === undefined) return false;
    this.#due.reached(this.#ring.end);
    this.#waiters.grown(rows);
    return true;
  }

  async #currentIdentity(): Promise<string> {
    const { rows } = await this.#session.run(this.#askIdentity, []);
    return rows[0]?.[0] as string;
  }

  #fail(error: unknown): void {
    for (const { reject } of [...this.#looking, ...this.#lookers]) reject(error);
    this.#lookers = new Set();
    this.#waiters.fail(error);
  }
}
