import { route, Schema, type RecordedEvent, type Route } from '@tidemark/core';
import { RoutingTable } from '../../packages/core/src/routing/routing-table.js';
import { readyEvents } from './dispatch/ready-log.js';
import { checkDone, type Group, rate } from './harness.js';

/** Routes in the table, of which each event takes one. */
const routes = 1_000;

/** Events that are matched at once, as a processor matches a batch. */
const batch = 500;

/** One way to tell a thousand routes apart, with what one would write by hand. */
interface Kind {
  readonly name: string;
  readonly event: (event: RecordedEvent, index: number) => RecordedEvent;
  readonly match: (index: number) => Parameters<typeof route>[0]['match'];
  /** The number of the route that takes the event. */
  readonly byHand: () => (event: RecordedEvent) => number | undefined;
}

const kinds: readonly Kind[] = [
  {
    name: 'exact types, against a Map by type',
    event: (event, index) => ({ ...event, type: `agent.a${index}.completed` }),
    match: (index) => `agent.a${index}.completed`,
    byHand: () => {
      const numbers = new Map(
        Array.from({ length: routes }, (_, index) => [`agent.a${index}.completed`, index]),
      );
      return ({ type }) => numbers.get(type);
    },
  },
  {
    name: 'types by wildcard, against regular expressions in turn',
    event: (event, index) => ({ ...event, type: `agent.a${index}.research.completed` }),
    match: (index) => `agent.a${index}.*.completed`,
    byHand: () => {
      const expressions = Array.from(
        { length: routes },
        (_, index) => new RegExp(`^agent\\.a${index}\\.[^.]*\\.completed$`),
      );
      return ({ type }) => expressions.findIndex((expression) => expression.test(type));
    },
  },
  {
    name: 'agents, against a Map by agent',
    event: (event, index) => ({ ...event, type: 'done', metadata: { agentId: `agent-${index}` } }),
    match: (index) => ({ type: 'done', agent: `agent-${index}` }),
    byHand: () => {
      const numbers = new Map<unknown, number>(
        Array.from({ length: routes }, (_, index) => [`agent-${index}`, index]),
      );
      return ({ type, metadata }) => (type === 'done' ? numbers.get(metadata.agentId) : undefined);
    },
  },
  {
    name: 'streams by prefix, against startsWith in turn',
    event: (event, index) => ({ ...event, type: 'done', stream: `s${index}-1` }),
    match: (index) => ({ type: 'done', stream: `s${index}-*` }),
    byHand: () => {
      const prefixes = Array.from({ length: routes }, (_, index) => `s${index}-`);
      return ({ stream }) => prefixes.findIndex((prefix) => stream.startsWith(prefix));
    },
  },
];

/** The event that a handler gets, with the number of the route that it came by. */
const handed = (event: RecordedEvent, number: number): RecordedEvent & { readonly number: number } => ({
  id: event.id,
  stream: event.stream,
  version: event.version,
  position: event.position,
  type: event.type,
  schemaVersion: event.schemaVersion,
  data: event.data,
  metadata: event.metadata,
  recordedAt: event.recordedAt,
  number,
});

const eventsOf = ({ event }: Kind): readonly RecordedEvent[] =>
  readyEvents(batch).map((ready, index) => event(ready, (index * 7) % routes));

const intakeOf = ({ match }: Kind) => {
  const own: readonly Route[] = Array.from({ length: routes }, (_, index) =>
    route({ name: `r${index}`, match: match(index) }),
  );
  const table = new RoutingTable({ schema: new Schema() });
  return table.intakeOf(
    {
      kind: 'processor',
      name: 'routed',
      definedAt: 'here',
      messages: [],
      routes: own,
      delivery: { mode: 'each', handle: () => undefined },
    },
    () => undefined,
  );
};

/** What it costs to find the route of an event among a thousand, and to make the event that a handler gets. */
export const routing = (scale: number): readonly Group[] => [
  {
    cases: kinds.map(({ name }) => ({ name: `${routes} routes: ${name}`, unit: 'events' })),
    ours: async () => ({
      runs: kinds.map((kind, index) => {
        const events = eventsOf(kind);
        const intake = intakeOf(kind);
        const times = Math.ceil((index === 3 ? 10 : 100) * scale);
        return () =>
          rate(times * batch, async () => {
            let found = 0;
            for (let turn = 0; turn < times; turn += 1) found += intake.select(events).length;
            checkDone('events routed', found, times * batch);
          });
      }),
    }),
    bare: async () => ({
      runs: kinds.map((kind) => {
        const events = eventsOf(kind);
        const find = kind.byHand();
        const times = Math.ceil(20 * scale);
        return () =>
          rate(times * batch, async () => {
            let found = 0;
            for (let turn = 0; turn < times; turn += 1) {
              const taken: RecordedEvent[] = [];
              for (const event of events) {
                const number = find(event);
                if (number !== undefined && number >= 0) taken.push(handed(event, number));
              }
              found += taken.length;
            }
            checkDone('events routed', found, times * batch);
          });
      }),
    }),
  },
];
