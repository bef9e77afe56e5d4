import type { SubscriptionBatch } from '../log/event-store.js';
import type { RecordedEvent } from '../messages/event.js';
import type { Schema } from '../schema/schema.js';
import { toError } from '../recovery/thrown.js';
import type { ReadBatch } from './dispatcher.js';
import type { FailureCause } from './errors.js';

/** What could be read of a batch, and what stood in the way of the rest. */
export interface ReadResult extends ReadBatch {
  readonly unreadable?: FailureCause | undefined;
}

/**
 * Brings a batch to the newest versions and leaves out what upcasting made of it that is not wanted.
 *
 * @param types names of the types wanted; `undefined` for all
 */
export const readBatch = (
  schema: Schema,
  types: ReadonlySet<string> | undefined,
  batch: SubscriptionBatch,
): ReadResult => {
  try {
    return { events: ofTypes(schema.read(batch.events), types), position: batch.position };
  } catch {
    return readUntilUnreadable(schema, types, batch);
  }
};

/** Event by event: those before the one that cannot be read are still handled, and that one is named. */
const readUntilUnreadable = (
  schema: Schema,
  types: ReadonlySet<string> | undefined,
  batch: SubscriptionBatch,
): ReadResult => {
  const events: RecordedEvent[] = [];
  let position: bigint | undefined;
  for (const event of batch.events) {
    try {
      events.push(...ofTypes(schema.readOne(event), types));
    } catch (thrown) {
      return {
        events,
        position: position ?? event.position - 1n,
        unreadable: { error: toError(thrown), event, attempts: 1 },
      };
    }
    position = event.position;
  }
  return { events, position: batch.position };
};

const ofTypes = (
  events: readonly RecordedEvent[],
  types: ReadonlySet<string> | undefined,
): readonly RecordedEvent[] =>
  types === undefined || events.every(({ type }) => types.has(type))
    ? events
    : events.filter(({ type }) => types.has(type));
