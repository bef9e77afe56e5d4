import { defaultBatchSize } from '../../log/check-read.js';
import type { ReadAllOptions, ReadStreamOptions, StreamMetadata } from '../../log/event-store.js';
import { compileFilter } from '../../log/filter.js';
import type { RecordedEvent } from '../../messages/event.js';
import type { Log } from './log.js';
import type { StoredEvent } from './stored-event.js';
import type { StreamState } from './stream-state.js';

/** The events of the whole log in the order asked for, up to where it ends now. */
export function* readLog(log: Log, options: ReadAllOptions): Generator<StoredEvent, void, undefined> {
  const matches = compileFilter(options.filter);
  for (const index of range(options, log.events.length)) {
    const event = log.events[index];
    if (event !== undefined && matches(event)) yield event;
  }
}

/** Indexes from behind `after` to `to`, in a log of this length; position `n` has index `n - 1`. */
function* range(
  { direction, after, to }: ReadAllOptions,
  length: number,
): Generator<number, void, undefined> {
  if (direction === 'backwards') {
    const first = after === undefined ? length - 1 : Math.min(Number(after) - 2, length - 1);
    const last = to === undefined ? 0 : Math.max(Number(to) - 1, 0);
    for (let index = first; index >= last; index--) yield index;
  } else {
    const first = after === undefined ? 0 : Math.max(Number(after), 0);
    const end = to === undefined ? length : Math.min(Number(to), length);
    for (let index = first; index < end; index++) yield index;
  }
}

/** What can be read of a stream now: not what was deleted, truncated, or has become too old. */
export function* readVisible(
  state: StreamState | undefined,
  options: ReadStreamOptions,
  log: Log,
): Generator<StoredEvent, void, undefined> {
  if (state === undefined) return;
  const settings = log.codec.decode(state.metadata) as StreamMetadata;
  const oldest =
    settings.maxAge === undefined
      ? Number.NEGATIVE_INFINITY
      : log.clock.now().getTime() - settings.maxAge * 1000;
  const newest = state.lastVersion;
  const first = Math.max(
    state.firstVersion,
    settings.truncateBefore ?? 0,
    settings.maxCount === undefined ? 0 : newest - settings.maxCount + 1,
  );
  const readable = (version: number): StoredEvent | undefined => {
    const event = state.events[version];
    return event !== undefined && event.recordedAt.getTime() > oldest ? event : undefined;
  };
  if (options.direction === 'backwards') {
    const last = Math.max(first, options.to ?? 0);
    for (let version = Math.min(options.from ?? newest, newest); version >= last; version--) {
      const event = readable(version);
      if (event !== undefined) yield event;
    }
  } else {
    const last = Math.min(newest, options.to ?? newest);
    for (let version = Math.max(options.from ?? 0, first); version <= last; version++) {
      const event = readable(version);
      if (event !== undefined) yield event;
    }
  }
}

/**
 * Hands events out in batches, none of them empty.
 *
 * @throws the signal's reason, once it is aborted: a read cut short must not look like a whole one
 */
export async function* inBatches(
  events: Iterable<StoredEvent>,
  { limit, batchSize = defaultBatchSize, signal }: Pick<ReadAllOptions, 'limit' | 'batchSize' | 'signal'>,
): AsyncGenerator<readonly RecordedEvent[], void, undefined> {
  signal?.throwIfAborted();
  let left = limit ?? Number.POSITIVE_INFINITY;
  let batch: RecordedEvent[] = [];
  if (left === 0) return;
  for (const event of events) {
    batch.push(event.recorded());
    left -= 1;
    if (left === 0) break;
    if (batch.length === batchSize) {
      yield batch;
      signal?.throwIfAborted();
      batch = [];
    }
  }
  if (batch.length > 0) yield batch;
}
