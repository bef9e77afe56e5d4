import type { Consumer, Message } from './consumer.js';
import { hasRoom } from './consumer.js';
import type { StrategyName } from './group-settings.js';

/** Decides who gets a message: nobody if those who might have no room now. */
export interface Strategy {
  choose(message: Message, consumers: readonly Consumer[]): Consumer | undefined;
}

/** The strategy of a name. */
export const strategyOf = (name: StrategyName): Strategy => {
  switch (name) {
    case 'DispatchToSingle':
      return { choose: (_, consumers) => consumers.find(hasRoom) };
    case 'RoundRobin':
      return roundRobin();
    case 'Pinned':
      return pinned(sourceStreamOf);
    case 'PinnedByCorrelation':
      return pinned((message) => correlationOf(message) ?? sourceStreamOf(message));
    default:
      return name satisfies never;
  }
};

const roundRobin = (): Strategy => {
  let last: Consumer | undefined;
  return {
    choose(_, consumers) {
      const from = last === undefined ? 0 : consumers.indexOf(last) + 1;
      last = [...consumers.slice(from), ...consumers.slice(0, from)].find(hasRoom) ?? last;
      return last !== undefined && consumers.includes(last) && hasRoom(last) ? last : undefined;
    },
  };
};

/** Each key stays with one consumer as long as that is there, so that its events come in order. */
const pinned = (keyOf: (message: Message) => string): Strategy => {
  const assigned = new Map<string, Consumer>();
  const load = (consumer: Consumer): number =>
    [...assigned.values()].filter((other) => other === consumer).length;
  return {
    choose(message, consumers) {
      const key = keyOf(message);
      const known = assigned.get(key);
      if (known !== undefined && consumers.includes(known)) return hasRoom(known) ? known : undefined;
      for (const [pin, consumer] of assigned) if (!consumers.includes(consumer)) assigned.delete(pin);
      const least = consumers.toSorted((a, b) => load(a) - load(b))[0];
      if (least === undefined || !hasRoom(least)) return undefined;
      assigned.set(key, least);
      return least;
    },
  };
};

const sourceStreamOf = ({ resolved }: Message): string => (resolved.event ?? resolved.link)?.streamId ?? '';

const correlationOf = ({ resolved }: Message): string | undefined => {
  try {
    const text = Buffer.from((resolved.event ?? resolved.link)?.metadata ?? []).toString('utf8');
    const parsed = JSON.parse(text) as { readonly $correlationId?: unknown } | null;
    return typeof parsed?.$correlationId === 'string' ? parsed.$correlationId : undefined;
  } catch {
    return undefined;
  }
};
