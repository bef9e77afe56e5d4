import { redis as redisLayer, type RedisLayer } from '@tidemark/adapters/redis';
import { Redis } from 'ioredis';
import { checkDone, type Group, rate } from './harness.js';
import { sampleEvent } from './sample-events.js';
import { addressOf } from './servers.js';

/** Events that are handed on together, as a page of the log is. */
const page = 500;

/** A row of the log, as PostgreSQL writes it. */
const rowAt = (position: number): readonly string[] => {
  const { type, data, metadata } = sampleEvent(position);
  const id = '00000000-0000-7000-8000-000000000000';
  return [
    String(position),
    `order-${position % 100}`,
    String(position),
    id,
    type,
    '1',
    JSON.stringify(data),
    JSON.stringify(metadata),
    '1767616496.789',
  ];
};

/** The rows of so many events behind a position, in pages. */
const pagesBehind = (after: number, events: number): readonly (readonly (readonly string[])[])[] =>
  Array.from({ length: events / page }, (_, index) =>
    Array.from({ length: page }, (__, nth) => rowAt(after + index * page + nth + 1)),
  );

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** A log that only Redis knows, with one process that fills its tail and one that follows it. */
class Tail {
  readonly #leader: RedisLayer;
  readonly #follower: RedisLayer;
  #written = 0;
  #received = 0;

  private constructor(url: string) {
    this.#leader = redisLayer(url);
    this.#follower = redisLayer(url);
  }

  static async open(): Promise<Tail> {
    const tail = new Tail(addressOf('redis'));
    const log = `bench-${Math.random()}`;
    const deaf = { wake: () => undefined, stretch: () => undefined };
    tail.#leader.open();
    tail.#leader.relay.start(log, deaf);
    tail.#leader.relay.interest(true);
    while (!tail.#leader.relay.leads) await turn();
    tail.#follower.open();
    tail.#follower.relay.start(log, {
      wake: () => undefined,
      stretch: ({ rows }) => void (tail.#received += rows.length),
    });
    tail.#follower.relay.interest(true);
    while (!tail.#follower.relay.follows) await turn();
    return tail;
  }

  /** Hands events to the tail, a few pages ahead of Redis, and waits until it has them, and until the other has read them. */
  async pass(events: number, untilRead: boolean): Promise<number> {
    const pages = pagesBehind(this.#written, events);
    const before = { relayed: this.#leader.counters().relayed, received: this.#received };
    const speed = await rate(events, async () => {
      let offered = 0;
      for (const rows of pages) {
        this.#leader.relay.offer({
          after: BigInt(this.#written + offered),
          upTo: BigInt(this.#written + offered + page),
          rows,
        });
        offered += page;
        while (offered - (this.#leader.counters().relayed - before.relayed) > 8 * page) await turn();
      }
      while (this.#leader.counters().relayed - before.relayed < events) await turn();
      if (untilRead) await this.#until(before.received + events);
    });
    await this.#until(before.received + events);
    this.#written += events;
    checkDone('events read from the tail', this.#received - before.received, events);
    return speed;
  }

  async #until(received: number): Promise<void> {
    while (this.#received < received) await turn();
  }

  async close(): Promise<void> {
    await this.#leader.close();
    await this.#follower.close();
  }
}

/** The same with the bare client: XADD in pipelines, and XREAD in a loop. */
class BareStream {
  readonly #writer = new Redis(addressOf('redis'));
  readonly #reader = new Redis(addressOf('redis'));
  readonly #key = `bench-bare-${Math.random()}`;
  #written = 0;
  #lastId = '0-0';

  async pass(events: number, untilRead: boolean): Promise<number> {
    const pages = pagesBehind(this.#written, events);
    let read = 0;
    const reading = async (): Promise<void> => {
      while (read < events) {
        const answer = await this.#reader.xread(
          'COUNT',
          page,
          'BLOCK',
          1_000,
          'STREAMS',
          this.#key,
          this.#lastId,
        );
        for (const [id] of answer?.[0]?.[1] ?? []) {
          this.#lastId = id;
          read += 1;
        }
      }
    };
    let done = Promise.resolve();
    const speed = await rate(events, async () => {
      done = reading();
      const underWay: Promise<unknown>[] = [];
      for (const rows of pages) {
        const pipeline = this.#writer.pipeline();
        for (const row of rows) {
          const fields = row.flatMap((column, index) => [String(index), column]);
          pipeline.xadd(this.#key, 'MAXLEN', '~', 10_000, `${row[0]}-0`, ...fields);
        }
        underWay.push(pipeline.exec());
        if (underWay.length > 8) await underWay.shift();
      }
      await Promise.all(underWay);
      if (untilRead) await done;
    });
    await done;
    this.#written += events;
    checkDone('events read from the stream', read, events);
    return speed;
  }

  async close(): Promise<void> {
    await this.#writer.quit();
    await this.#reader.quit();
  }
}

/** The tail of the log in Redis, beside the bare commands that it is made of. */
export const redis = (scale: number): readonly Group[] => {
  const events = 20_000 * scale;
  return [
    {
      needs: ['redis'],
      cases: [
        { name: 'Redis, events handed to the tail, against XADD in pipelines', unit: 'events' },
        { name: 'Redis, events handed on and read from the tail, against XADD and XREAD', unit: 'events' },
      ],
      ours: async () => {
        const tail = await Tail.open();
        return {
          runs: [() => tail.pass(events, false), () => tail.pass(events, true)],
          close: () => tail.close(),
        };
      },
      bare: async () => {
        const stream = new BareStream();
        return {
          runs: [() => stream.pass(events, false), () => stream.pass(events, true)],
          close: () => stream.close(),
        };
      },
    },
  ];
};
