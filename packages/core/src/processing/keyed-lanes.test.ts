import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { manualClock } from '../testing/manual-clock.js';
import { KeyedLanes, type LaneOutcome } from './keyed-lanes.js';

interface Item {
  readonly key: string;
  readonly number: number;
  /** What comes of each try; then it is finished. */
  readonly outcomes: readonly ('now' | 'later' | 'retry' | 'retry-later')[];
}

/** Lanes whose asynchronous handlers end when the test says so. */
class Bench {
  readonly clock = manualClock();
  readonly handled: Item[] = [];
  readonly running = new Set<string>();
  readonly ends: (() => void)[] = [];
  readonly violations: string[] = [];
  most = 0;
  readonly #tries = new Map<Item, number>();
  readonly lanes: KeyedLanes<Item>;

  constructor(concurrency: number) {
    this.lanes = new KeyedLanes<Item>({
      concurrency,
      clock: this.clock,
      handle: (item) => this.#handle(item),
      settled: () => {},
    });
  }

  #handle(item: Item): LaneOutcome | Promise<LaneOutcome> {
    if (this.running.has(item.key)) this.violations.push(`two of ${item.key} at once`);
    this.running.add(item.key);
    this.most = Math.max(this.most, this.running.size);
    const tries = this.#tries.get(item) ?? 0;
    this.#tries.set(item, tries + 1);
    const outcome = item.outcomes[tries] ?? 'now';
    const end = (): LaneOutcome => {
      this.running.delete(item.key);
      if (outcome === 'retry' || outcome === 'retry-later') return { retryAfterMs: 10 };
      this.handled.push(item);
      return 'finished';
    };
    if (outcome === 'now' || outcome === 'retry') return end();
    return new Promise((resolve) => void this.ends.push(() => resolve(end())));
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
        async (load, concurrency, order) => {
          const bench = new Bench(concurrency);
          const items = load.map((entry, number) => ({ ...entry, number }) satisfies Item);
          for (const item of items) bench.lanes.push(item.key, item);
          await bench.finish(order);
          expect(bench.violations).toEqual([]);
          expect(bench.most).toBeLessThanOrEqual(concurrency);
          expect(bench.lanes).toMatchObject({ size: 0, inFlight: 0 });
          for (const key of ['a', 'b', 'c', 'd', 'e']) {
            const of = (list: readonly Item[]): readonly number[] =>
              list.filter((item) => item.key === key).map(({ number }) => number);
            expect(of(bench.handled)).toEqual(of(items));
          }
        },
      ),
      { numRuns: 60 },
    );
  });

  it('handles a synchronous item before push returns', () => {
    const bench = new Bench(1);
    bench.lanes.push('a', { key: 'a', number: 0, outcomes: [] });
    expect(bench.handled).toHaveLength(1);
  });

  it('lets other keys go on while one waits for a retry, and counts it not as work', async () => {
    const bench = new Bench(1);
    bench.lanes.push('a', { key: 'a', number: 0, outcomes: ['retry'] });
    bench.lanes.push('a', { key: 'a', number: 1, outcomes: [] });
    bench.lanes.push('b', { key: 'b', number: 2, outcomes: [] });
    expect(bench.handled.map(({ number }) => number)).toEqual([2]);
    await bench.clock.advance(10);
    expect(bench.handled.map(({ number }) => number)).toEqual([2, 0, 1]);
  });

  it('starts nothing while held, also not a retry that falls due', async () => {
    const bench = new Bench(2);
    bench.lanes.push('a', { key: 'a', number: 0, outcomes: ['retry'] });
    bench.lanes.hold();
    bench.lanes.push('b', { key: 'b', number: 1, outcomes: [] });
    await bench.clock.advance(100);
    expect(bench.handled).toEqual([]);
    bench.lanes.release();
    expect(bench.handled).toHaveLength(2);
  });

  it('forgets on discard what has not started; what runs ends and changes nothing', async () => {
    const bench = new Bench(1);
    bench.lanes.push('a', { key: 'a', number: 0, outcomes: ['later'] });
    bench.lanes.push('a', { key: 'a', number: 1, outcomes: [] });
    bench.lanes.push('b', { key: 'b', number: 2, outcomes: [] });
    bench.lanes.discard();
    expect(bench.lanes).toMatchObject({ size: 1, inFlight: 1 });
    await bench.finish([0]);
    expect(bench.handled.map(({ number }) => number)).toEqual([0]);
    expect(bench.lanes).toMatchObject({ size: 0, inFlight: 0 });
  });

  it('forgets on discard the wait of a retry', async () => {
    const bench = new Bench(1);
    bench.lanes.push('a', { key: 'a', number: 0, outcomes: ['retry'] });
    bench.lanes.discard();
    expect(bench.clock.pending).toBe(0);
  });

  it('keeps what is behind a blocked item where it is', () => {
    const seen: number[] = [];
    const lanes = new KeyedLanes<number>({
      concurrency: 2,
      clock: manualClock(),
      handle: (item) => {
        seen.push(item);
        return item === 0 ? 'blocked' : 'finished';
      },
      settled: () => {},
    });
    for (const item of [0, 1]) lanes.push('a', item);
    lanes.push('b', 2);
    expect(seen).toEqual([0, 2]);
    expect(lanes.size).toBe(2);
  });
});
