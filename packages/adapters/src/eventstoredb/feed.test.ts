import { PassThrough } from 'node:stream';
import { describe, expect, it } from '@jest/globals';
import type { ClientResolvedEvent, ClientSubscribeOptions } from './client.js';
import { NoAnswerError } from './errors.js';
import { Feed, type FeedItem } from './feed.js';

/** A subscription as the client makes it: events go through a readable stream, checkpoints go past it. */
class ClientSubscription extends PassThrough {
  unsubscribed = false;

  constructor() {
    super({ objectMode: true });
  }

  async unsubscribe(): Promise<void> {
    this.unsubscribed = true;
    throw new Error('the stream is gone');
  }
}

const feedOf = () => {
  const subscription = new ClientSubscription();
  let given: ClientSubscribeOptions | undefined;
  let changes = 0;
  const feed = new Feed(
    {
      subscribeToAll: (options) => {
        given = options;
        return subscription;
      },
    },
    {
      fromPosition: 'start',
      filter: { filterOn: 'streamName', prefixes: ['a'], checkpointInterval: 1, maxSearchWindow: 1 },
    },
    () => {
      changes += 1;
    },
  );
  return {
    feed,
    subscription,
    checkpoint: (position: bigint) =>
      given?.filter.checkpointReached(subscription, { commit: position, prepare: position }),
    changes: () => changes,
  };
};

const event = (position: number): ClientResolvedEvent => ({ commitPosition: BigInt(position) });
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const taken = (feed: Feed): readonly FeedItem[] => {
  const items: FeedItem[] = [];
  for (let item = feed.take(); item !== undefined; item = feed.take()) items.push(item);
  return items;
};
const places = (items: readonly FeedItem[]): readonly string[] =>
  items.map((item) =>
    item.kind === 'event' ? `event ${item.resolved.commitPosition}` : `checkpoint ${item.position}`,
  );

describe('a feed', () => {
  it('puts a checkpoint behind the events that came before it, though they are still on their way', async () => {
    const { feed, subscription, checkpoint } = feedOf();
    subscription.pause();
    subscription.write(event(1));
    subscription.write(event(2));
    await checkpoint(3n);
    await checkpoint(4n);
    expect(feed.take()).toBeUndefined();
    expect(feed.isEmpty).toBe(false);
    subscription.resume();
    await turn();
    expect(places(taken(feed))).toEqual(['event 1', 'event 2', 'checkpoint 3', 'checkpoint 4']);
    await checkpoint(5n);
    expect(places(taken(feed))).toEqual(['checkpoint 5']);
    expect([feed.received, feed.isEmpty]).toEqual([2, true]);
  });

  it('holds the server back behind a thousand events that nobody takes, and lets it go on then', async () => {
    const { feed, subscription } = feedOf();
    for (let n = 0; n < 3_000; n += 1) subscription.write(event(n));
    await turn();
    expect(subscription.isPaused()).toBe(true);
    expect(feed.received).toBeLessThan(1_100);
    const seen: string[] = [];
    while (seen.length < 3_000) {
      seen.push(...places(taken(feed)));
      await turn();
    }
    expect(seen).toEqual(Array.from({ length: 3_000 }, (_, n) => `event ${n}`));
    expect(subscription.isPaused()).toBe(false);
  });

  it('says once that the server has sent all', () => {
    const { feed, subscription, changes } = feedOf();
    expect(feed.takeCaughtUp()).toBe(false);
    subscription.emit('caughtUp');
    expect([changes(), feed.takeCaughtUp(), feed.takeCaughtUp()]).toEqual([1, true, false]);
  });

  it('keeps the first reason why it ended', async () => {
    const failing = feedOf();
    failing.subscription.emit('error', new Error('first'));
    failing.subscription.emit('error', new Error('second'));
    expect(failing.feed.failure).toMatchObject({ error: { message: 'first' } });

    const ended = feedOf();
    ended.subscription.end();
    await turn();
    await turn();
    expect(ended.feed.failure?.error).toBeInstanceOf(NoAnswerError);

    const closed = feedOf();
    closed.feed.close();
    await turn();
    expect(closed.subscription.unsubscribed).toBe(true);
    expect(closed.feed.failure).toMatchObject({ error: { message: 'the subscription was closed' } });
  });
});
