import type { SubscriptionBatch } from '../log/event-store.js';
import { toError } from '../recovery/thrown.js';
import type { Intake } from '../routing/intake.js';
import type { RoutedEvent } from '../routing/routed-event.js';
import type { Schema } from '../schema/schema.js';
import type { ReadBatch } from './dispatcher.js';
import type { FailureCause } from './errors.js';

/** What could be read of a batch, and what stood in the way of the rest. */
export interface ReadResult extends ReadBatch {
  readonly unreadable?: FailureCause | undefined;
}

/** Brings a batch to the newest versions, and makes of it what the processor takes in. */
export const readBatch = (
  schema: Schema,
  intake: Pick<Intake, 'select' | 'passed'>,
  batch: SubscriptionBatch,
): ReadResult => {
  intake.passed(batch.position);
  try {
    return { events: intake.select(schema.read(batch.events)), position: batch.position };
  } catch {
    return readUntilUnreadable(schema, intake, batch);
  }
};

/** Event by event: those before the one that cannot be read are still handled, and that one is named. */
const readUntilUnreadable = (
  schema: Schema,
  intake: Pick<Intake, 'select'>,
  batch: SubscriptionBatch,
): ReadResult => {
  const events: RoutedEvent[] = [];
  let position: bigint | undefined;
  for (const event of batch.events) {
    try {
      events.push(...intake.select(schema.readOne(event)));
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
