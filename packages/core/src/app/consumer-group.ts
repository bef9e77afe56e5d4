import type { Backend } from '../backend/backend.js';
import { checkLimit } from '../backend/check-ports.js';
import type { GroupInfo, ParkedEntry, PersistentSubscriptions } from '../backend/persistent-subscriptions.js';
import { UnsupportedError } from '../log/errors.js';
import type { PersistentSubscriptionSource } from '../model/persistent-subscription.js';

/** How many events an operation is about. */
export interface ParkedOptions {
  /** Most events, from 1. */
  readonly limit?: number | undefined;
}

/** The server's side of a processor that consumes a persistent subscription. */
export class ConsumerGroup {
  readonly #backend: Backend;
  readonly #source: PersistentSubscriptionSource;

  constructor(backend: Backend, source: PersistentSubscriptionSource) {
    this.#backend = backend;
    this.#source = source;
  }

  /** Name of the group. */
  get name(): string {
    return this.#source.group;
  }

  /** What the server tells of the group, all consumers of all processes together. */
  info(): Promise<GroupInfo> {
    return this.#groups().info(this.#source);
  }

  /** The oldest of the events that could not be handled, with the reasons. Default: 100 of them. */
  parked({ limit = 100 }: ParkedOptions = {}): Promise<readonly ParkedEntry[]> {
    checkLimit(limit);
    return this.#groups().parked(this.#source, limit);
  }

  /**
   * Has parked events delivered once more, the oldest first: to any consumer of the group, in no particular order. One that fails
   * again is parked again. Default: all that are parked now.
   *
   * @returns how many
   */
  replayParked({ limit = Number.MAX_SAFE_INTEGER }: ParkedOptions = {}): Promise<number> {
    checkLimit(limit);
    return this.#groups().replayParked(this.#source, limit);
  }

  #groups(): PersistentSubscriptions {
    const { persistentSubscriptions, name } = this.#backend;
    if (persistentSubscriptions !== undefined) return persistentSubscriptions;
    throw new UnsupportedError(`The backend ${name} has no persistent subscriptions.`);
  }
}
