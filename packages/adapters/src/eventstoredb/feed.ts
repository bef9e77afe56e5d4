import type {
  ClientFilterRule,
  ClientPosition,
  ClientResolvedEvent,
  ClientSubscribeOptions,
  EventStoreDbClient,
} from './client.js';
import { NoAnswerError } from './errors.js';

/** One thing that a subscription of the server has brought: an event, or word of how far it is. */
export type FeedItem =
  | { readonly kind: 'event'; readonly resolved: ClientResolvedEvent }
  | { readonly kind: 'checkpoint'; readonly position: bigint };

/** What is subscribed to. */
export interface FeedOptions extends Omit<ClientSubscribeOptions, 'filter'> {
  readonly filter: ClientFilterRule;
}

/** Most items that wait to be taken. Behind it the server is held back. */
const mostWaiting = 1_000;

/**
 * A subscription of the client as something to pull from: items in the order in which the server sent them, without a promise
 * for each, and no more of them than fit.
 */
export class Feed {
  readonly #subscription: ReturnType<EventStoreDbClient['subscribeToAll']>;
  readonly #changed: () => void;
  readonly #waiting: FeedItem[] = [];
  /** Checkpoints that came while events before them were still on their way through the client. */
  readonly #early: { readonly behind: number; readonly position: bigint }[] = [];
  #received = 0;
  #caughtUp = false;
  #paused = false;
  #failure: { readonly error: unknown } | undefined;

  /** @param changed called when there is something to take, the server has caught up, or it failed */
  constructor(client: Pick<EventStoreDbClient, 'subscribeToAll'>, options: FeedOptions, changed: () => void) {
    this.#changed = changed;
    const checkpointReached = async (_: unknown, { commit }: ClientPosition): Promise<void> => {
      this.#checkpoint(commit);
    };
    this.#subscription = client.subscribeToAll({
      ...options,
      filter: { ...options.filter, checkpointReached },
    });
    this.#subscription.on('data', (resolved) => this.#event(resolved));
    this.#subscription.on('caughtUp', () => {
      this.#caughtUp = true;
      this.#changed();
    });
    this.#subscription.on('error', (error) => this.#fail(error));
    for (const ended of ['end', 'close'] as const) {
      this.#subscription.on(ended, () => this.#fail(new NoAnswerError('the server ended the subscription')));
    }
  }

  /** Why it brings nothing more; `undefined` as long as it does. */
  get failure(): { readonly error: unknown } | undefined {
    return this.#failure;
  }

  /** How many events have come. */
  get received(): number {
    return this.#received;
  }

  /** True if nothing waits to be taken. */
  get isEmpty(): boolean {
    return this.#waiting.length === 0 && this.#subscription.readableLength === 0;
  }

  /** True once after the server said that it has sent all that there was. Some versions never say so. */
  takeCaughtUp(): boolean {
    const caughtUp = this.#caughtUp;
    this.#caughtUp = false;
    return caughtUp;
  }

  /** The next item, without waiting. */
  take(): FeedItem | undefined {
    const item = this.#waiting.shift();
    if (this.#paused && this.#waiting.length === 0) {
      this.#paused = false;
      this.#subscription.resume();
    }
    return item;
  }

  close(): void {
    this.#fail(new NoAnswerError('the subscription was closed'));
    this.#subscription.unsubscribe().catch(() => undefined);
  }

  #event(resolved: ClientResolvedEvent): void {
    this.#received += 1;
    this.#put({ kind: 'event', resolved });
    while (this.#early[0] !== undefined && this.#early[0].behind <= this.#received) {
      const early = this.#early.shift();
      if (early !== undefined) this.#put({ kind: 'checkpoint', position: early.position });
    }
  }

  #checkpoint(position: bigint): void {
    // What the client has not handed out yet stands before the checkpoint.
    const behind = this.#received + this.#subscription.readableLength;
    if (behind > this.#received) this.#early.push({ behind, position });
    else this.#put({ kind: 'checkpoint', position });
  }

  #put(item: FeedItem): void {
    this.#waiting.push(item);
    if (this.#waiting.length >= mostWaiting && !this.#paused) {
      this.#paused = true;
      this.#subscription.pause();
    }
    this.#changed();
  }

  #fail(error: unknown): void {
    this.#failure ??= { error };
    this.#changed();
  }
}
