import { setTimeout as wait } from 'node:timers/promises';
import type { Connection } from './connection.js';
import type { Counters } from './counters.js';
import { keyTtlMs, type LogKeys } from './log-keys.js';

/** Shortest time from one wake-up to the next, in milliseconds: one stands for all that came meanwhile. */
const gapMs = 1;

/** Tells other processes that there may be more in the log. What cannot be told now is not told: polling finds it. */
export class Announcer {
  readonly #connection: Connection;
  readonly #key: string;
  readonly #self: string;
  readonly #counters: Counters;
  #due = false;
  #sending = false;

  constructor(connection: Connection, keys: LogKeys, self: string, counters: Counters) {
    this.#connection = connection;
    this.#key = keys.wakeUps;
    this.#self = self;
    this.#counters = counters;
  }

  announce(): void {
    this.#due = true;
    if (!this.#sending) void this.#send();
  }

  async #send(): Promise<void> {
    this.#sending = true;
    while (this.#due) {
      this.#due = false;
      const sent = await this.#connection.attempt('wake-ups', async (redis) => {
        const added = redis.call('XADD', [this.#key, 'MAXLEN', '~', 100, '*', 'by', this.#self]);
        await Promise.all([added, redis.call('PEXPIRE', [this.#key, keyTtlMs])]);
      });
      if (sent !== undefined) this.#counters.wakeUpsSent += 1;
      await wait(gapMs);
    }
    this.#sending = false;
  }
}
