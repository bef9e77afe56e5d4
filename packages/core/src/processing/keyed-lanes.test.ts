import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { manualClock } from '../testing/manual-clock.js';
import { KeyedLanes, type BatchRule, type LaneItem, type LaneOutcome } from './keyed-lanes.js';
import type { Rank } from './lane-turns.js';

interface Item extends LaneItem {
  readonly number: number;
  /** What comes of each try; then it is finished. */
  readonly outcomes: readonly ('now' | 'later' | 'retry' | 'retry-later')[];
}

const item = (
  key: string,
  number: number,
  outcomes: Item['outcomes'] = [],
  more: Partial<Pick<Item, 'rank' | 'batch' | 'since'>> = {},
): Item => ({ key, number, outcomes, rank: 2, batch: undefined, since: 0, ...more });

/** Lanes whose asynchronous handlers end when the test says so. */
class Bench {
  readonly clock = manualClock();
  readonly handled: Item[] = [];
  readonly running = new Set<string>();
  readonly ends: (() => void)[] = [];
  readonly violations: string[] = [];
  calls = 0;
  most = 0;
  readonly #tries = new Map<Item, number>();
  readonly lanes: KeyedLanes<Item>;

  constructor(concurrency: number, keyConcurrency?: number) {
    this.lanes = new KeyedLanes<Item>({
      concurrency,
      keyConcurrency,
      clock: this.clock,
      handle: (one) => this.#handle(one),
      settled: () => {},
    });
  }

  #handle(one: Item): LaneOutcome | undefined {
    if (this.running.has(one.key)) this.violations.push(`two of ${one.key} at once`);
    this.running.add(one.key);
    this.calls += 1;
    this.most = Math.max(this.most, this.calls);
    const tries = this.#tries.get(one) ?? 0;
    this.#tries.set(one, tries + 1);
    const outcome = one.outcomes[tries] ?? 'now';
    const end = (): LaneOutcome => {
      this.running.delete(one.key);
      this.calls -= 1;
      if (outcome === 'retry' || outcome === 'retry-later') return { retryAfterMs: 10 };
      this.handled.push(one);
      return 'finished';
    };
    if (outcome === 'now' || outcome === 'retry') return end();
    this.ends.push(() => this.lanes.settle(one, end()));
    return undefined;
  }

  /** Ends running handlers in the given order and lets retries fall due, until nothing is left. */
  async finish(order: readonly number[]): Promise<void> {
    for (let turn = 0; this.lanes.size > 0 && turn < 10_000; turn += 1) {
      const [end] = this.ends.splice((order[turn % order.length] ?? 0) % Math.max(1, this.ends.length), 1);
      end?.();
      await this.clock.advance(end === undefined ? 10 : 0);
    }
  }
}

const loads = fc.array(
  fc.record({
    key: fc.constantFrom('a', 'b', 'c', 'd', 'e'),
    rank: fc.constantFrom<Rank>(0, 1, 2, 3),
    outcomes: fc.array(fc.constantFrom('now', 'later', 'retry', 'retry-later'), { maxLength: 3 }),
  }),
  { maxLength: 40 },
);

describe('KeyedLanes', () => {
  it('handles everything, in order per key, one of a key at a time, never more keys than the concurrency', async () => {
    await fc.assert(
      fc.asyncProperty(
        loads,
        fc.integer({ min: 1, max: 4 }),
        fc.array(fc.nat({ max: 100 }), { minLength: 1, maxLength: 20 }),
        fc.boolean(),
        async (load, concurrency, order, gathers) => {
          const bench = new Bench(concurrency);
          const items = load.map(({ key, rank, outcomes }, number) => item(key, number, outcomes, { rank }));
          if (gathers) bench.lanes.gather();
          for (const one of items) bench.lanes.push(one);
          if (gathers) {
            expect(bench.lanes.inFlight).toBe(0);
            bench.lanes.gathered();
          }
          await bench.finish(order);
          expect(bench.violations).toEqual([]);
          expect(bench.most).toBeLessThanOrEqual(concurrency);
          expect(bench.lanes).toMatchObject({ size: 0, inFlight: 0 });
          for (const key of ['a', 'b', 'c', 'd', 'e']) {
            const of = (list: readonly Item[]): readonly number[] =>
              list.filter((one) => one.key === key).map(({ number }) => number);
            expect(of(bench.handled)).toEqual(of(items));
          }
        },
      ),
      { numRuns: 60 },
    );
  });

  it('handles a synchronous item before push returns', () => {
    const bench = new Bench(1);
    bench.lanes.push(item('a', 0, []));
    expect(bench.handled).toHaveLength(1);
  });

  it('lets other keys go on while one waits for a retry, and counts it not as work', async () => {
    const bench = new Bench(1);
    bench.lanes.push(item('a', 0, ['retry']));
    bench.lanes.push(item('a', 1, []));
    bench.lanes.push(item('b', 2, []));
    expect(bench.handled.map(({ number }) => number)).toEqual([2]);
    await bench.clock.advance(10);
    expect(bench.handled.map(({ number }) => number)).toEqual([2, 0, 1]);
  });

  it('starts nothing while held, also not a retry that falls due', async () => {
    const bench = new Bench(2);
    bench.lanes.push(item('a', 0, ['retry']));
    bench.lanes.hold();
    bench.lanes.push(item('b', 1, []));
    await bench.clock.advance(100);
    expect(bench.handled).toEqual([]);
    bench.lanes.release();
    expect(bench.handled).toHaveLength(2);
  });

  it('forgets on discard what has not started; what runs ends and changes nothing', async () => {
    const bench = new Bench(1);
    bench.lanes.push(item('a', 0, ['later']));
    bench.lanes.push(item('a', 1, []));
    bench.lanes.push(item('b', 2, []));
    bench.lanes.discard();
    expect(bench.lanes).toMatchObject({ size: 1, inFlight: 1 });
    await bench.finish([0]);
    expect(bench.handled.map(({ number }) => number)).toEqual([0]);
    expect(bench.lanes).toMatchObject({ size: 0, inFlight: 0 });
  });

  it('forgets on discard the wait of a retry', async () => {
    const bench = new Bench(1);
    bench.lanes.push(item('a', 0, ['retry']));
    bench.lanes.discard();
    expect(bench.clock.pending).toBe(0);
  });

  it('keeps what is behind a blocked item where it is', () => {
    const seen: number[] = [];
    const lanes = new KeyedLanes<Item>({
      concurrency: 2,
      clock: manualClock(),
      handle: ({ number }) => {
        seen.push(number);
        return number === 0 ? 'blocked' : 'finished';
      },
      settled: () => {},
    });
    for (const number of [0, 1]) lanes.push(item('a', number));
    lanes.push(item('b', 2));
    expect(seen).toEqual([0, 2]);
    expect(lanes.size).toBe(2);
  });

  it('lets the urgent go first, and a key wait in the lane of its head', async () => {
    const bench = new Bench(1);
    bench.lanes.push(item('a', 0, ['later']));
    bench.lanes.push(item('b', 1, [], { rank: 3 }));
    bench.lanes.push(item('b', 2, [], { rank: 0 }));
    bench.lanes.push(item('c', 3, []));
    bench.lanes.push(item('d', 4, [], { rank: 0 }));
    await bench.finish([0]);
    // The urgent one of b comes behind the other of b, and then at once.
    expect(bench.handled.map(({ number }) => number)).toEqual([0, 4, 3, 1, 2]);
  });

  it('handles several of a key at once where that is allowed, and no more, and loses none of them', async () => {
    const bench = new Bench(8, 3);
    const most = new Map<string, number>();
    const items = Array.from({ length: 30 }, (_, number) =>
      item(number % 2 === 0 ? 'a' : 'b', number, number % 5 === 0 ? ['retry-later', 'later'] : ['later']),
    );
    const running = { a: 0, b: 0 };
    const lanes = new KeyedLanes<Item>({
      concurrency: 8,
      keyConcurrency: 3,
      clock: bench.clock,
      handle: (one) => {
        const key = one.key === 'a' ? 'a' : 'b';
        running[key] += 1;
        most.set(key, Math.max(most.get(key) ?? 0, running[key]));
        const isRetry = one.number % 5 === 0 && !bench.handled.includes(one) && !tried.has(one);
        tried.add(one);
        bench.ends.push(() => {
          running[key] -= 1;
          if (!isRetry) bench.handled.push(one);
          lanes.settle(one, isRetry ? { retryAfterMs: 10 } : 'finished');
        });
        return undefined;
      },
      settled: () => {},
    });
    const tried = new Set<Item>();
    for (const one of items) lanes.push(one);
    for (let turn = 0; lanes.size > 0 && turn < 1_000; turn += 1) {
      bench.ends.splice(turn % Math.max(1, bench.ends.length), 1)[0]?.();
      await bench.clock.advance(bench.ends.length === 0 ? 10 : 0);
    }
    expect([...most.values()]).toEqual([3, 3]);
    expect(bench.handled.map(({ number }) => number).toSorted((a, b) => a - b)).toEqual(
      items.map(({ number }) => number),
    );
    expect(lanes).toMatchObject({ size: 0, inFlight: 0 });
  });
});

/** Lanes for batches, which end when the test says so. */
class BatchBench {
  readonly clock = manualClock();
  readonly batches: (readonly Item[])[] = [];
  readonly alone: Item[] = [];
  readonly lanes: KeyedLanes<Item>;

  constructor(concurrency = 4) {
    this.lanes = new KeyedLanes<Item>({
      concurrency,
      clock: this.clock,
      handle: (one) => {
        this.alone.push(one);
        return 'finished';
      },
      handleBatch: (items) => void this.batches.push(items),
      settled: () => {},
    });
  }

  push(key: string, numbers: readonly number[], batch: BatchRule | undefined): void {
    for (const number of numbers) {
      this.lanes.push(item(key, number, [], { batch, since: this.clock.now().getTime() }));
    }
  }

  get numbers(): readonly (readonly number[])[] {
    return this.batches.map((items) => items.map(({ number }) => number));
  }

  end(index: number, outcome: Parameters<KeyedLanes<Item>['settleBatch']>[1] = 'finished'): void {
    this.lanes.settleBatch(this.batches[index] ?? [], outcome);
  }
}

const rule = (size: number, waitMs: number): BatchRule => ({ size: () => size, waitMs });

describe('KeyedLanes with batches', () => {
  it('starts a batch when it is full, without waiting', () => {
    const bench = new BatchBench();
    bench.push('a', [0, 1, 2, 3], rule(3, 100));
    expect(bench.numbers).toEqual([[0, 1, 2]]);
    expect(bench.lanes).toMatchObject({ size: 4, inFlight: 3 });
  });

  it('starts what is there when its first item has waited long enough, also while the batch before ran', async () => {
    const bench = new BatchBench();
    bench.push('a', [0], rule(3, 100));
    await bench.clock.advance(99);
    expect(bench.numbers).toEqual([]);
    await bench.clock.advance(1);
    expect(bench.numbers).toEqual([[0]]);
    bench.push('a', [1], rule(3, 100));
    await bench.clock.advance(60);
    bench.end(0);
    expect(bench.numbers).toEqual([[0]]);
    await bench.clock.advance(40);
    expect(bench.numbers).toEqual([[0], [1]]);
    bench.push('a', [2], rule(3, 100));
    await bench.clock.advance(200);
    bench.end(1);
    expect(bench.numbers).toEqual([[0], [1], [2]]);
  });

  it('takes what has gathered where it need not wait', () => {
    const bench = new BatchBench();
    const atOnce = rule(10, 0);
    bench.push('a', [0], atOnce);
    bench.push('a', [1, 2], atOnce);
    bench.end(0);
    expect(bench.numbers).toEqual([[0], [1, 2]]);
    bench.end(1);
    bench.lanes.gather();
    bench.push('a', [3, 4, 5], atOnce);
    bench.lanes.gathered();
    expect(bench.numbers.at(-1)).toEqual([3, 4, 5]);
  });

  it('ends a batch where another rule begins, and does not wait for what cannot come', () => {
    const bench = new BatchBench();
    bench.push('a', [0, 1], rule(5, 100));
    bench.push('a', [2], undefined);
    expect(bench.numbers).toEqual([[0, 1]]);
    expect(bench.alone).toEqual([]);
    bench.end(0);
    expect(bench.alone.map(({ number }) => number)).toEqual([2]);
    expect(bench.clock.pending).toBe(0);
  });

  it('waits no more when it is to hurry', async () => {
    const bench = new BatchBench();
    const both = rule(5, 100);
    bench.push('a', [0], both);
    bench.push('b', [1], both);
    bench.lanes.hurry(true);
    bench.push('c', [2], both);
    expect(bench.numbers).toEqual([[0], [1], [2]]);
    bench.lanes.hurry(false);
    bench.push('d', [3], both);
    expect(bench.numbers).toHaveLength(3);
    await bench.clock.advance(100);
    expect(bench.numbers).toHaveLength(4);
  });

  it('splits a batch into singles, before what came meanwhile, and retries one as a whole', async () => {
    const bench = new BatchBench(1);
    const both = rule(2, 0);
    bench.lanes.gather();
    bench.push('a', [0, 1, 2, 3], both);
    bench.lanes.gathered();
    for (const one of bench.batches[0] ?? []) Object.assign(one, { batch: undefined });
    bench.end(0, 'split');
    expect(bench.alone.map(({ number }) => number)).toEqual([0, 1]);
    expect(bench.numbers).toEqual([
      [0, 1],
      [2, 3],
    ]);
    bench.end(1, { retryAfterMs: 10 });
    expect(bench.lanes).toMatchObject({ size: 2, inFlight: 0 });
    await bench.clock.advance(10);
    expect(bench.numbers.at(-1)).toEqual([2, 3]);
    bench.end(2);
    expect(bench.lanes).toMatchObject({ size: 0, inFlight: 0 });
  });

  it('keeps a blocked batch, and forgets on discard what waits to be filled', async () => {
    const bench = new BatchBench();
    bench.push('a', [0, 1, 2], rule(2, 50));
    bench.push('b', [3], rule(2, 50));
    bench.end(0, 'blocked');
    await bench.clock.advance(100);
    expect(bench.numbers).toEqual([[0, 1], [3]]);
    bench.push('c', [4], rule(2, 50));
    bench.lanes.discard();
    expect(bench.clock.pending).toBe(0);
    bench.end(1);
    expect(bench.lanes).toMatchObject({ size: 0, inFlight: 0 });
  });
});
