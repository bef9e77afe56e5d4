import type { DeadLetter, NewDeadLetter } from '../backend/dead-letters.js';
import type { RecordedEvent } from '../messages/event.js';
import type { RoutedEvent } from '../routing/routed-event.js';
import { keepError } from './thrown.js';

/** What is kept of an event that came by a route. */
interface KeptRouting {
  readonly route: string;
  readonly isDerived: boolean;
  /** As the handler was to get it; left out if the route failed, so that it must be asked again. */
  readonly made?: Pick<RecordedEvent, 'id' | 'type' | 'schemaVersion' | 'data' | 'metadata'> | undefined;
}

/** What makes a letter of an event. */
export interface LetterOf {
  readonly event: RoutedEvent;
  /** Which of the events that its processor gets of one of the log. */
  readonly part: number;
  readonly handler: string;
  readonly sequence: string;
  /** `undefined` for one that only waits behind another. */
  readonly error: Error | undefined;
  readonly attempts: number;
}

/** How events become of letters again. */
export interface LetterReader {
  /** Brings an event to its newest version. */
  read(event: RecordedEvent): readonly RecordedEvent[];
  /** What the processor takes of events. */
  select(events: readonly RecordedEvent[]): readonly RoutedEvent[];
}

/** An event as a letter. */
export const letterOf = ({ event, part, handler, sequence, error, attempts }: LetterOf): NewDeadLetter => ({
  position: event.position,
  stream: event.stream,
  version: event.version,
  type: event.type,
  part: event.routing?.part ?? part,
  ...(event.routing === undefined ? {} : { derived: keptRouting(event, event.routing) }),
  handler,
  sequence,
  attempts,
  ...(error === undefined ? {} : { error: keepError(error) }),
});

const keptRouting = (
  { id, type, schemaVersion, data, metadata }: RoutedEvent,
  { route, isDerived, failure }: NonNullable<RoutedEvent['routing']>,
): KeptRouting =>
  failure === undefined
    ? { route, isDerived, made: { id, type, schemaVersion, data, metadata } }
    : { route, isDerived };

/**
 * The event of a letter, as its handler was to get it.
 *
 * @param stored the event of the log, as stored
 * @returns `undefined` if the processor gets no such event of it any more
 */
export const eventOf = (
  letter: DeadLetter,
  stored: RecordedEvent,
  reader: LetterReader,
): RoutedEvent | undefined => {
  const kept = letter.derived as KeptRouting | undefined;
  if (kept?.made === undefined) {
    const events = reader.select(reader.read(stored));
    return events.find(({ routing }) => routing?.part === letter.part) ?? events[letter.part];
  }
  const [event] = reader.read({ ...stored, ...kept.made });
  if (event === undefined) return undefined;
  const { route, isDerived } = kept;
  return { ...event, routing: { route, part: letter.part, sourceId: stored.id, isDerived } };
};
