import { LRUCache } from 'lru-cache';
import type { LiveAggregate } from './live-aggregate.js';

/**
 * Live aggregates by stream, the least recently used ones forgotten first. Whoever works on one takes it out and puts
 * it back only when all went well: work that fails half-way leaves nothing of its state behind.
 */
export class AggregateCache {
  readonly #entries: LRUCache<string, LiveAggregate> | undefined;

  /** @param max most aggregates kept; 0 keeps none */
  constructor(max: number) {
    this.#entries = max === 0 ? undefined : new LRUCache({ max });
  }

  take(stream: string): LiveAggregate | undefined {
    const aggregate = this.#entries?.get(stream);
    if (aggregate !== undefined) this.#entries?.delete(stream);
    return aggregate;
  }

  put(aggregate: LiveAggregate): void {
    this.#entries?.set(aggregate.stream, aggregate);
  }
}
