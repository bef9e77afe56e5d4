import type { RecordedEvent } from '@tidemark/core';

/** An event with what it caused. */
export interface Effect {
  readonly event: RecordedEvent;
  readonly effects: readonly Effect[];
}

/**
 * Who caused what, as a tree. Events that are not shown are passed through: what they caused hangs on what caused them.
 *
 * @param events in log order
 */
export const causalTree = (
  events: readonly RecordedEvent[],
  isShown: (event: RecordedEvent) => boolean,
): readonly Effect[] => {
  const byId = new Map(events.map((event) => [event.id, event]));
  const effects = new Map<string | undefined, RecordedEvent[]>();
  for (const event of events.filter(isShown)) {
    let cause = causeOf(event, byId);
    while (cause !== undefined && !isShown(cause)) cause = causeOf(cause, byId);
    effects.set(cause?.id, [...(effects.get(cause?.id) ?? []), event]);
  }
  const below = (id: string | undefined): readonly Effect[] =>
    (effects.get(id) ?? []).map((event) => ({ event, effects: below(event.id) }));
  return below(undefined);
};

const causeOf = (
  { metadata, position }: RecordedEvent,
  byId: ReadonlyMap<string, RecordedEvent>,
): RecordedEvent | undefined => {
  const cause = byId.get(metadata.causingEventId ?? '');
  // A cause comes before its effect, so following causes always ends.
  return cause !== undefined && cause.position < position ? cause : undefined;
};
