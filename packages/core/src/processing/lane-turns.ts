import { priorities, type Priority } from '../model/handler-policy.js';
import { Fifo } from './fifo.js';

/** A priority as a number, 0 for the most urgent. */
export type Rank = 0 | 1 | 2 | 3;

/** How many turns each priority gets in 15 when all of them have work: 8, 4, 2 and 1. */
export const laneWeights: Readonly<Record<Priority, number>> = { critical: 8, high: 4, normal: 2, low: 1 };

/** What a turn costs, by rank: the inverse of the weights, as whole numbers. */
const strides: readonly number[] = priorities.map((priority) => laneWeights.critical / laneWeights[priority]);

/** Where the priority stands in {@link priorities}; `undefined` if it is none. */
export const rankOf = (priority: unknown): Rank | undefined => {
  switch (priority) {
    case 'critical':
      return 0;
    case 'high':
      return 1;
    case 'normal':
      return 2;
    case 'low':
      return 3;
    default:
      return undefined;
  }
};

/**
 * Who waits for a turn, in four lanes by priority; each lane is first come, first served.
 *
 * Lanes take turns by stride scheduling (Waldspurger and Weihl, "Stride Scheduling: Deterministic Proportional-Share Resource
 * Management", MIT, 1995): each has a virtual time that a turn moves on by the lane's stride, and the turn goes to the lane that is
 * least far, the more urgent one of two that are level. A lane that was empty comes back no earlier than where the last turn was,
 * so that it saves up nothing.
 *
 * It follows that whoever comes first in a lane waits at most for the turns that the others can take within one stride of it: 17
 * for low, 9 for normal, 5 for high, 3 for critical, however much waits elsewhere and whatever comes meanwhile (14, 7, 4 and 3 while
 * no lane becomes empty); the n-th in the lane for n times as many, and the n - 1 before it.
 */
export class LaneTurns<Waiting> {
  readonly #lanes: readonly Fifo<Waiting>[] = priorities.map(() => new Fifo<Waiting>());
  /** The virtual time of each lane: whole numbers, so that they stay exact. */
  readonly #passes: number[] = priorities.map(() => 0);
  /** The virtual time of the last turn. */
  #now = 0;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  push(waiting: Waiting, rank: Rank): void {
    const lane = this.#lanes[rank];
    if (lane === undefined) return;
    if (lane.size === 0) this.#passes[rank] = Math.max(this.#passes[rank] ?? 0, this.#now);
    lane.push(waiting);
    this.#size += 1;
  }

  /** Takes out whose turn it is. */
  shift(): Waiting | undefined {
    if (this.#size === 0) return undefined;
    let next = -1;
    let least = Number.POSITIVE_INFINITY;
    for (let rank = 0; rank < this.#lanes.length; rank += 1) {
      const pass = this.#passes[rank] ?? 0;
      if (pass < least && this.#lanes[rank]?.size !== 0) {
        next = rank;
        least = pass;
      }
    }
    this.#now = least;
    this.#passes[next] = least + (strides[next] ?? 0);
    this.#size -= 1;
    return this.#lanes[next]?.shift();
  }

  clear(): void {
    for (const lane of this.#lanes) lane.clear();
    this.#size = 0;
  }
}
