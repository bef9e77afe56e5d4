import type { Connection } from './connection.js';
import { keyTtlMs, type LogKeys } from './log-keys.js';

/** How long one leads without renewing it, and how often one renews it or tries, in milliseconds. */
const ttlMs = 2_000;
const everyMs = 500;

/**
 * Whether this process fills the tail, or another one.
 *
 * It is an optimisation and no lock: without a leader nobody fills the tail, with two of them both do, and either way
 * everybody reads the same events.
 */
export class Leadership {
  readonly #connection: Connection;
  readonly #keys: LogKeys;
  readonly #self: string;
  #timer: NodeJS.Timeout | undefined;
  #round: Promise<void> = Promise.resolve();
  /** Until when what was last found out counts, as of `performance.now()`. */
  #until = 0;
  #mine = false;

  /** @param self tells this process from all others */
  constructor(connection: Connection, keys: LogKeys, self: string) {
    this.#connection = connection;
    this.#keys = keys;
    this.#self = self;
  }

  get mine(): boolean {
    return this.#mine && performance.now() < this.#until;
  }

  get others(): boolean {
    return !this.#mine && performance.now() < this.#until;
  }

  start(): void {
    this.#timer = setTimeout(() => {
      this.#round = this.#decide().finally(() => {
        if (this.#timer !== undefined) this.start();
      });
    }, this.#nextMs());
  }

  /** Leaves it to others at once, if Redis can be told. */
  async stop(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    await this.#round;
    if (!this.mine) return;
    this.#until = 0;
    await this.#connection.attempt('leader', async (redis) => {
      if ((await redis.call('GET', [this.#keys.leader])) === this.#self)
        await redis.call('DEL', [this.#keys.leader]);
    });
  }

  /** At first, and when it was away, it is tried sooner. */
  #nextMs(): number {
    return performance.now() < this.#until ? everyMs : 50;
  }

  async #decide(): Promise<void> {
    // Before the question is sent: whoever leads has led for as long as the answer took already.
    const asked = performance.now();
    const { leader, tail } = this.#keys;
    const answer = await this.#connection.attempt('leader', async (redis) => {
      const taken = await redis.call('SET', [leader, this.#self, 'NX', 'PX', ttlMs]);
      if (taken === 'OK') return true;
      if ((await redis.call('GET', [leader])) !== this.#self) return false;
      await redis.call('PEXPIRE', [leader, ttlMs]);
      await redis.call('PEXPIRE', [tail, keyTtlMs]);
      return true;
    });
    if (answer === undefined) return;
    this.#mine = answer.result;
    this.#until = asked + ttlMs;
  }
}
