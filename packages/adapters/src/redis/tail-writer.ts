import type { Stretch } from '../sql/events/relay.js';
import type { Connection } from './connection.js';
import type { Counters } from './counters.js';
import type { LogKeys } from './log-keys.js';
import type { RedisClient } from './redis-options.js';
import { encodeEntry, type TailEntry } from './tail-entry.js';

/** Most characters that wait for Redis's answer: what comes on top while it is slow is dropped. */
const mostUnderWay = 8_000_000;

/**
 * Hands events to the tail, each under its position as its id. Redis refuses an id that is not above all others: what another
 * relayer has written already, or what is late, changes nothing.
 */
export class TailWriter {
  readonly #connection: Connection;
  readonly #key: string;
  readonly #length: number;
  readonly #counters: Counters;
  #underWay = 0;
  /** The last event, and up to where nothing follows on it. */
  #last: { readonly position: bigint; readonly upTo: bigint } | undefined;

  constructor(connection: Connection, keys: LogKeys, length: number, counters: Counters) {
    this.#connection = connection;
    this.#key = keys.tail;
    this.#length = length;
    this.#counters = counters;
  }

  /** Takes what was read, or drops it. */
  write(stretch: Stretch): void {
    const entries = this.#entriesOf(stretch);
    if (entries.length === 0) return;
    const commands = entries.map((entry) => [
      'xadd',
      this.#key,
      'MAXLEN',
      '~',
      String(this.#length),
      `${entry.position}-0`,
      ...encodeEntry(entry),
    ]);
    const size = commands.reduce((sum, words) => words.reduce((total, word) => total + word.length, sum), 0);
    if (!this.#connection.ready || this.#underWay + size > mostUnderWay) {
      this.#counters.dropped += entries.length;
      return;
    }
    this.#underWay += size;
    void this.#send(commands, stretch.upTo).finally(() => (this.#underWay -= size));
  }

  /** Between the last event and this stretch lies nothing if the one goes on where the other ended. */
  #entriesOf({ after, upTo, rows }: Stretch): readonly TailEntry[] {
    const last = this.#last;
    const follows = last !== undefined && last.position <= after && after <= last.upTo;
    let previous = follows ? last.position : after;
    const entries: TailEntry[] = [];
    for (const row of rows) {
      const position = BigInt(row[0] ?? 0);
      entries.push({ position, previous, row });
      previous = position;
    }
    this.#last = { position: previous, upTo };
    return entries;
  }

  async #send(commands: string[][], upTo: bigint): Promise<void> {
    const sent = await this.#connection.attempt('tail', async (redis) => {
      const answers = (await redis.pipeline(commands).exec()) ?? [];
      const refused = answers.filter(([error]) => error !== null);
      const repeated = refused.filter(([error]) => error?.message.includes('equal or smaller') === true);
      const failed = refused.find((answer) => !repeated.includes(answer));
      if (failed !== undefined) throw failed[0];
      this.#counters.repeated += repeated.length;
      this.#counters.relayed += commands.length - repeated.length;
      if (repeated.length > 0) await this.#clearImpossible(redis, upTo);
    });
    if (sent === undefined) this.#counters.dropped += commands.length;
  }

  /**
   * Removes a tail that ends behind everything that is safe: what stands there is not of this log, and would keep out all that
   * is. It may also be another relayer's that has just read further, and then it is missed as little.
   */
  async #clearImpossible(redis: RedisClient, upTo: bigint): Promise<void> {
    const last = await redis.call('XREVRANGE', [this.#key, '+', '-', 'COUNT', 1]);
    const [[id] = []]: unknown[][] = Array.isArray(last) ? last : [];
    if (typeof id !== 'string' || BigInt(id.split('-')[0] ?? 0) <= upTo) return;
    await redis.call('DEL', [this.#key]);
    this.#counters.cleared += 1;
  }
}
