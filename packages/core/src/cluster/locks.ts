import { randomUUID } from 'node:crypto';
import type { Lease } from '../backend/leases.js';
import { sleep, type Clock } from '../clock.js';
import { TidemarkError } from '../error.js';
import { checkName } from '../log/check-names.js';
import type { Problems } from '../observation/problems.js';
import type { HeldLease, LeaseKeeper } from './lease-keeper.js';

/** How to wait for a lock. */
export interface LockOptions {
  /** Most milliseconds to wait for it. Default: as long as it takes. */
  readonly waitMs?: number | undefined;
  /** Ends the waiting. */
  readonly signal?: AbortSignal | undefined;
}

/** A lock while one has it. */
export interface Lock extends AsyncDisposable {
  readonly name: string;
  /**
   * Grows with each owner: hand it to whatever is written to, and let that refuse a smaller one than it has seen (a fencing
   * token). In a transaction of the backend `tx.leases.hold(lock.lease)` does so.
   */
  readonly token: number;
  readonly lease: Lease;
  /** Aborted when the lock is lost, or may be, as the store cannot be reached for as long as it lasts. */
  readonly signal: AbortSignal;
  /** Whether it is sure at this moment that nobody else has it. */
  readonly isSure: boolean;
  /** Gives it up, so that others can have it at once. Idempotent. */
  release(): Promise<void>;
}

/** The lock was not to be had in time. */
export class LockTimeoutError extends TidemarkError {
  readonly code = 'lock-timeout';

  constructor(
    readonly lock: string,
    readonly waitMs: number,
  ) {
    super(
      `The lock "${lock}" was not free within ${waitMs} ms. Whoever has it loses it when its process ends or is cut off; ` +
        'wait longer, or look at what its owner does.',
    );
  }
}

export interface LocksOptions {
  readonly keeper: LeaseKeeper;
  readonly clock: Clock;
  readonly problems: Problems;
  /** Who asks, for people who look at the leases: name of the node. */
  readonly node: () => string;
  /** Milliseconds between two looks at a lock that another one has. */
  readonly lookEveryMs: number;
}

/** What is done by one node at a time. */
interface Duty {
  readonly stop: () => Promise<void>;
}

/**
 * Locks across all processes of the application, and duties that one of them has at a time. A lock is a lease: it renews itself,
 * and ends with its process. Injectable; `app.locks`.
 *
 * A lock alone cannot keep two from acting at once, since its owner may stand still, lose it, and go on: check {@link Lock.isSure}
 * before an effect, heed {@link Lock.signal}, and where it matters let what is written to check {@link Lock.token}.
 */
export class Locks {
  readonly #options: LocksOptions;
  readonly #held = new Set<KeptLock>();
  readonly #duties = new Set<Duty>();
  #isOpen = false;
  readonly #waitingDuties = new Set<() => void>();

  constructor(options: LocksOptions) {
    this.#options = options;
  }

  /** Called by the application: duties begin. */
  async start(): Promise<void> {
    this.#isOpen = true;
    for (const begin of this.#waitingDuties) begin();
    this.#waitingDuties.clear();
  }

  /** Called by the application: duties end, and all locks are given up. */
  async stop(): Promise<void> {
    this.#isOpen = false;
    await Promise.all([...this.#duties].map((duty) => duty.stop()));
    await Promise.all([...this.#held].map((lock) => lock.release()));
  }

  /**
   * Takes the lock if nobody has it.
   *
   * @param name 1 to 400 characters
   * @returns `undefined` if somebody has it
   * @throws {StoreUnavailableError} the backend is away, or not open
   */
  async tryAcquire(name: string): Promise<Lock | undefined> {
    checkName(name, 'name', 400);
    const { keeper, node } = this.#options;
    // Another owner each time, so that two in one process exclude each other too.
    const owner = `${node().slice(0, 150)} ${randomUUID()}`;
    const [held] = await keeper.acquire([`lock/${name}`], owner);
    if (held === undefined) return undefined;
    const lock = new KeptLock(name, held, keeper, () => this.#held.delete(lock));
    this.#held.add(lock);
    return lock;
  }

  /**
   * Waits until the lock is free and takes it. Those who wait are served in no particular order.
   *
   * @throws {LockTimeoutError} it was not free in time
   * @throws the signal's reason, when it is aborted
   */
  async acquire(name: string, { waitMs, signal }: LockOptions = {}): Promise<Lock> {
    const { clock, lookEveryMs } = this.#options;
    const until = waitMs === undefined ? Number.POSITIVE_INFINITY : performance.now() + waitMs;
    for (;;) {
      signal?.throwIfAborted();
      const lock = await this.tryAcquire(name);
      if (lock !== undefined) return lock;
      const left = until - performance.now();
      if (left <= 0) throw new LockTimeoutError(name, waitMs ?? 0);
      await sleep(clock, Math.min(left, lookEveryMs), signal);
    }
  }

  /**
   * Does work under the lock, and gives it up whatever comes of it.
   *
   * @throws what the work throws, and as {@link acquire}
   */
  async with<Result>(
    name: string,
    work: (lock: Lock) => Promise<Result>,
    options: LockOptions = {},
  ): Promise<Result> {
    const lock = await this.acquire(name, options);
    try {
      return await work(lock);
    } finally {
      await lock.release();
    }
  }

  /**
   * Has work done by one node at a time, for as long as the application runs: by whichever gets the lock, until it ends, is cut
   * off, or the work returns; then by the next. Work that throws is reported as a problem and taken up again, by anyone.
   *
   * @param work is to end when the lock's signal is aborted
   * @returns ends it on this node
   */
  lead(name: string, work: (lock: Lock) => Promise<void>): () => Promise<void> {
    checkName(name, 'name', 400);
    const ending = new AbortController();
    const begin = (): void => {
      const running = this.#lead(name, work, ending.signal);
      const duty = {
        stop: async () => {
          ending.abort(new Error('The duty ends on this node.'));
          await running;
          this.#duties.delete(duty);
        },
      };
      this.#duties.add(duty);
      stop = duty.stop;
    };
    let stop = async (): Promise<void> => void this.#waitingDuties.delete(begin);
    if (this.#isOpen) begin();
    else this.#waitingDuties.add(begin);
    return () => stop();
  }

  async #lead(name: string, work: (lock: Lock) => Promise<void>, ending: AbortSignal): Promise<void> {
    const { clock, problems, lookEveryMs } = this.#options;
    const source = `the duty "${name}"`;
    while (!ending.aborted) {
      try {
        const lock = await this.acquire(name, { signal: ending });
        const end = (): void => void lock.release();
        ending.addEventListener('abort', end, { once: true });
        try {
          await work(lock);
        } finally {
          ending.removeEventListener('abort', end);
          await lock.release();
        }
        problems.resolve(source);
      } catch (error) {
        if (!ending.aborted) problems.report(source, error);
      }
      await sleep(clock, lookEveryMs, ending);
    }
  }
}

class KeptLock implements Lock {
  readonly name: string;
  readonly #held: HeldLease;
  readonly #keeper: LeaseKeeper;
  readonly #released: () => void;

  constructor(name: string, held: HeldLease, keeper: LeaseKeeper, released: () => void) {
    this.name = name;
    this.#held = held;
    this.#keeper = keeper;
    this.#released = released;
    held.signal.addEventListener('abort', released, { once: true });
  }

  get token(): number {
    return this.#held.lease.epoch;
  }

  get lease(): Lease {
    return this.#held.lease;
  }

  get signal(): AbortSignal {
    return this.#held.signal;
  }

  get isSure(): boolean {
    return this.#held.isSure;
  }

  async release(): Promise<void> {
    this.#released();
    await this.#keeper.release([this.#held]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.release();
  }
}
