import { defaultBatchSize } from '@tidemark/core';
import type { ReadAllOptions, RecordedEvent } from '@tidemark/core';
import type { LogPages, LogRange } from './log-page.js';
import type { SafePosition } from './safe-position.js';

const largerOf = (a: bigint, b: bigint): bigint => (a > b ? a : b);
const smallerOf = (a: bigint, b: bigint): bigint => (a < b ? a : b);

/** Reads the whole log in batches, up to where it is safe now. */
export async function* readLog(
  pages: LogPages,
  safe: SafePosition,
  { direction = 'forwards', after, to, filter, limit, batchSize = defaultBatchSize, signal }: ReadAllOptions,
): AsyncGenerator<readonly RecordedEvent[], void, undefined> {
  signal?.throwIfAborted();
  let left = limit ?? Number.POSITIVE_INFINITY;
  const head = await safe.current();
  let rest: LogRange =
    direction === 'forwards'
      ? { from: largerOf((after ?? 0n) + 1n, 1n), to: smallerOf(to ?? head, head) }
      : { from: largerOf(to ?? 1n, 1n), to: smallerOf(after === undefined ? head : after - 1n, head) };
  while (left > 0 && rest.from <= rest.to) {
    const page = await pages.read(rest, Math.min(left, batchSize), direction, filter);
    rest = page.rest;
    left -= page.events.length;
    if (page.events.length > 0) yield page.events;
    signal?.throwIfAborted();
  }
}
