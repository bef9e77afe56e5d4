import { randomUUID } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import type { Health } from '@tidemark/core';
import type { Relay, RelayListener, Stretch } from '../sql/events/relay.js';
import { Announcer } from './announcer.js';
import type { Connection } from './connection.js';
import type { Counters } from './counters.js';
import { Leadership } from './leadership.js';
import { logKeys, type LogKeys } from './log-keys.js';
import { TailReader } from './tail-reader.js';
import { TailWriter } from './tail-writer.js';

/** Options of {@link RedisRelay}. */
export interface RedisRelayOptions {
  readonly keyPrefix: string;
  readonly tailLength: number;
  /** For everything that is answered at once. */
  readonly commands: Connection;
  /** For the one command that waits. */
  readonly reading: Connection;
  readonly counters: Counters;
  readonly health: () => Health;
}

/** What there is for one log. */
interface OneLog {
  readonly keys: LogKeys;
  readonly listener: RelayListener;
  readonly announcer: Announcer;
}

/** What there is while someone here subscribes. */
interface Following {
  readonly leadership: Leadership;
  readonly writer: TailWriter;
  readonly reader: TailReader;
}

/** Carries wake-ups and the newest events over Redis. Only processes in which someone subscribes lead or follow. */
export class RedisRelay implements Relay {
  readonly #options: RedisRelayOptions;
  readonly #self = randomUUID();
  #log: OneLog | undefined;
  #following: Following | undefined;

  constructor(options: RedisRelayOptions) {
    this.#options = options;
  }

  /** The keys of the log that it was started with. */
  get keys(): LogKeys | undefined {
    return this.#log?.keys;
  }

  get leads(): boolean {
    return this.#options.commands.ready && this.#following?.leadership.mine === true;
  }

  get follows(): boolean {
    return this.#following?.leadership.others === true && this.#following.reader.works;
  }

  start(log: string, listener: RelayListener): void {
    const { keyPrefix, commands, counters } = this.#options;
    const keys = logKeys(keyPrefix, log);
    this.#log = { keys, listener, announcer: new Announcer(commands, keys, this.#self, counters) };
  }

  async stop(): Promise<void> {
    const letGo = this.#unfollow();
    this.#log = undefined;
    await Promise.race([letGo, wait(mostStoppingMs)]);
  }

  interest(any: boolean): void {
    if (any) this.#follow();
    else void this.#unfollow();
  }

  announce(): void {
    this.#log?.announcer.announce();
  }

  offer(stretch: Stretch): void {
    if (this.leads) this.#following?.writer.write(stretch);
  }

  health(): Health {
    return this.#options.health();
  }

  #follow(): void {
    if (this.#log === undefined || this.#following !== undefined) return;
    const { tailLength, commands, reading, counters } = this.#options;
    const { keys, listener } = this.#log;
    const leadership = new Leadership(commands, keys, this.#self);
    const reader = new TailReader({
      connection: reading,
      keys,
      self: this.#self,
      counters,
      listener,
      leads: () => leadership.mine,
      follows: () => leadership.others,
    });
    this.#following = {
      leadership,
      reader,
      writer: new TailWriter(commands, keys, tailLength, counters),
    };
    leadership.start();
    reader.start();
  }

  async #unfollow(): Promise<void> {
    const following = this.#following;
    this.#following = undefined;
    following?.reader.stop();
    await following?.leadership.stop();
  }
}

/** How long to wait, at most, until Redis has been told that another process may lead, in milliseconds. */
const mostStoppingMs = 200;
