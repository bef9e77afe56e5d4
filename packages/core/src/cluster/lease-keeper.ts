import { LeaseLostError, type Lease, type LeaseStore } from '../backend/leases.js';
import type { Clock } from '../clock.js';
import { toError } from '../recovery/thrown.js';

export interface LeaseKeeperOptions {
  readonly store: LeaseStore;
  readonly clock: Clock;
  /** How long leases last unless they are renewed, in milliseconds. They are renewed three times as often. */
  readonly ttlMs: number;
  /** Milliseconds from some moment on, in step with time whatever is done to the wall clock. Default: `performance.now`. */
  readonly monotonic?: (() => number) | undefined;
  /** Leases cannot be renewed, which is tried again; `undefined` when they could be again. */
  readonly trouble?: ((error: Error | undefined) => void) | undefined;
}

/** A lease for as long as this process is sure to have it. */
export interface HeldLease {
  readonly lease: Lease;
  /** Aborted when it is lost, or may be, with a {@link LeaseLostError} as reason; also when it is given up. */
  readonly signal: AbortSignal;
  /**
   * Whether it is sure at this moment that nobody else has it: to be asked before each effect that no transaction fences, since
   * a process that stood still learns of its loss only after it goes on.
   *
   * Once it has said no it says so for good, and the lease is lost, even if nobody else has taken it: whoever asked has left
   * undone what it asked for.
   */
  readonly isSure: boolean;
}

/** How often leases are renewed within their time. */
const renewals = 3;

/**
 * Keeps the leases of this process: renews all of them together in one round trip, and tells those who work under one when it is
 * lost.
 *
 * Time is counted from before a request was sent, by a clock that nobody sets: by then the store has not yet begun to count. So
 * where a renewal cannot be had in time, each lease counts as lost here before anyone else can take it.
 */
export class LeaseKeeper {
  readonly #store: LeaseStore;
  readonly #clock: Clock;
  readonly #ttlMs: number;
  readonly #now: () => number;
  readonly #trouble: (error: Error | undefined) => void;
  readonly #held = new Map<string, Held>();
  #cancelRenewal: (() => void) | undefined;
  #cancelExpiry: (() => void) | undefined;

  constructor({
    store,
    clock,
    ttlMs,
    monotonic = () => performance.now(),
    trouble = () => undefined,
  }: LeaseKeeperOptions) {
    this.#store = store;
    this.#clock = clock;
    this.#ttlMs = ttlMs;
    this.#now = monotonic;
    this.#trouble = trouble;
  }

  /**
   * Takes those of the names that are free.
   *
   * @param owner as whom; another one for each who is to exclude the others
   * @throws as {@link LeaseStore.acquire}
   */
  async acquire(names: readonly string[], owner: string): Promise<readonly HeldLease[]> {
    const sureUntil = this.#now() + this.#ttlMs;
    const leases = await this.#store.acquire({ names, owner, ttlMs: this.#ttlMs });
    return leases.map((lease) => this.#keep(lease, sureUntil));
  }

  /**
   * Gives leases up, so that others can have them at once. Their signals are aborted first. Where the store cannot be told,
   * they end when their time is over.
   */
  async release(held: readonly HeldLease[]): Promise<void> {
    const given = held.filter(({ lease }) => this.#drop(lease));
    if (given.length === 0) return;
    try {
      await this.#store.release(given.map(({ lease }) => lease));
    } catch (thrown) {
      this.#trouble(toError(thrown));
    }
  }

  /** Gives all up. */
  releaseAll(): Promise<void> {
    return this.release([...this.#held.values()]);
  }

  #keep(lease: Lease, sureUntil: number): HeldLease {
    const known = this.#held.get(lease.name);
    if (known?.lease.epoch === lease.epoch && known.renew(sureUntil)) return known;
    known?.end();
    const held = new Held(lease, sureUntil, this.#now);
    this.#held.set(lease.name, held);
    this.#scheduleRenewal();
    this.#watchExpiry();
    return held;
  }

  /** @returns whether it was held */
  #drop(lease: Lease): boolean {
    const held = this.#held.get(lease.name);
    if (held === undefined || held.lease.epoch !== lease.epoch) return false;
    this.#held.delete(lease.name);
    held.end();
    if (this.#held.size === 0) {
      this.#cancelRenewal?.();
      this.#cancelExpiry?.();
      this.#cancelRenewal = undefined;
      this.#cancelExpiry = undefined;
    }
    return true;
  }

  #scheduleRenewal(): void {
    this.#cancelRenewal ??= this.#clock.after(this.#ttlMs / renewals, () => void this.#renew(), {
      unref: true,
    });
  }

  async #renew(): Promise<void> {
    const asked = [...this.#held.values()];
    const sureUntil = this.#now() + this.#ttlMs;
    try {
      const renewed = await this.#store.renew(
        asked.map(({ lease }) => lease),
        this.#ttlMs,
      );
      const epochs = new Map(renewed.map(({ name, epoch }) => [name, epoch]));
      for (const held of asked) {
        if (epochs.get(held.lease.name) === held.lease.epoch && held.renew(sureUntil)) continue;
        this.#drop(held.lease);
      }
      this.#trouble(undefined);
    } catch (thrown) {
      this.#trouble(toError(thrown));
    }
    this.#cancelRenewal = undefined;
    if (this.#held.size > 0) this.#scheduleRenewal();
  }

  /** Beside the renewal, which may hang for longer than the leases last. */
  #watchExpiry(): void {
    if (this.#cancelExpiry !== undefined) return;
    const first = Math.min(...[...this.#held.values()].map(({ sureUntil }) => sureUntil));
    const inMs = Math.max(first - this.#now(), 1);
    this.#cancelExpiry = this.#clock.after(
      inMs,
      () => {
        this.#cancelExpiry = undefined;
        for (const held of this.#held.values()) if (!held.isSure) this.#drop(held.lease);
        if (this.#held.size > 0) this.#watchExpiry();
      },
      { unref: true },
    );
  }
}

class Held implements HeldLease {
  readonly lease: Lease;
  #sureUntil: number;
  /** True since it was asked for after its time. */
  #wasUnsure = false;
  readonly #now: () => number;
  readonly #ending = new AbortController();

  constructor(lease: Lease, sureUntil: number, now: () => number) {
    this.lease = lease;
    this.#sureUntil = sureUntil;
    this.#now = now;
  }

  get signal(): AbortSignal {
    return this.#ending.signal;
  }

  get isSure(): boolean {
    if (!this.signal.aborted && !this.#wasUnsure && this.#now() < this.#sureUntil) return true;
    this.#wasUnsure = true;
    return false;
  }

  /** Until when it is sure, by the keeper's clock. */
  get sureUntil(): number {
    return this.#sureUntil;
  }

  /** @returns false if somebody has been told already that it is not sure any more */
  renew(sureUntil: number): boolean {
    if (this.#wasUnsure) return false;
    this.#sureUntil = sureUntil;
    return true;
  }

  end(): void {
    this.#ending.abort(new LeaseLostError(this.lease));
  }
}
