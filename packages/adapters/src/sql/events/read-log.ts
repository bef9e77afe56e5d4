import { defaultBatchSize } from '@tidemark/core';
import type { ReadAllOptions, RecordedEvent } from '@tidemark/core';
import type { LogPages, LogRange } from './log-page.js';
import { PagesAhead } from './pages-ahead.js';
import type { SafePosition } from './safe-position.js';

const largerOf = (a: bigint, b: bigint): bigint => (a > b ? a : b);
const smallerOf = (a: bigint, b: bigint): bigint => (a < b ? a : b);

/**
 * Reads the whole log in batches, up to where it is safe now.
 *
 * @param readsAhead whether the database is to be at work on a page while the one before is used
 */
export async function* readLog(
  pages: LogPages,
  safe: SafePosition,
  readsAhead: boolean,
  { direction = 'forwards', after, to, filter, limit, batchSize = defaultBatchSize, signal }: ReadAllOptions,
): AsyncGenerator<readonly RecordedEvent[], void, undefined> {
  signal?.throwIfAborted();
  let left = limit ?? Number.POSITIVE_INFINITY;
  const head = await safe.current();
  let rest: LogRange =
    direction === 'forwards'
      ? { from: largerOf((after ?? 0n) + 1n, 1n), to: smallerOf(to ?? head, head) }
      : { from: largerOf(to ?? 1n, 1n), to: smallerOf(after === undefined ? head : after - 1n, head) };
  // With a limit, how much the next page may have depends on what is in this one.
  const reader = new PagesAhead(pages, { direction, filter, ahead: readsAhead && limit === undefined });
  while (left > 0 && rest.from <= rest.to) {
    const page = await reader.read(rest, Math.min(left, batchSize));
    rest = page.rest;
    left -= page.events.length;
    if (page.events.length > 0) yield page.events;
    signal?.throwIfAborted();
  }
}
