import { expectTypeOf } from 'expect-type';
import { patternCorrelation, windowCorrelation } from './by-hand.js';
import { pattern, type Match, type Pattern } from './pattern.js';
import { tumbling, type Window } from './window.js';

declare class Begun {
  readonly id: string;
}
declare class Ended {
  readonly id: string;
  readonly result: number;
}

const common = { name: 'typed', key: 'id' } as const;

// A pattern knows the types of its events, and each condition those of the events before it.
const both = pattern(Begun).followedBy(Ended, (ended, begun) => {
  expectTypeOf(ended).toEqualTypeOf<Ended>();
  expectTypeOf(begun).toEqualTypeOf<Begun>();
  return ended.id === begun.id;
});
expectTypeOf(both).toEqualTypeOf<Pattern<[Begun, Ended]>>();
const none = both.notFollowedBy(Begun, (absent, begun, ended) => {
  expectTypeOf([absent, begun]).toEqualTypeOf<Begun[]>();
  return ended.result > 0;
});
expectTypeOf(none).toEqualTypeOf<Pattern<[Begun, Ended]>>();
patternCorrelation({
  ...common,
  pattern: both.within('5s'),
  emit: (match) => {
    expectTypeOf(match).toEqualTypeOf<Match<[Begun, Ended]>>();
    return { type: 'done', data: match.events[1].result };
  },
});

// The state of a window is what its fold gives.
windowCorrelation({
  ...common,
  events: [Begun, Ended],
  window: tumbling('1m'),
  fold: (event, sum: number | undefined) => {
    expectTypeOf(event).toEqualTypeOf<Begun | Ended>();
    return (sum ?? 0) + 1;
  },
  emit: (window) => {
    expectTypeOf(window).toEqualTypeOf<Window<number>>();
  },
});
windowCorrelation({
  ...common,
  events: ['begun'],
  window: tumbling('1m'),
  emit: ({ state }) => {
    expectTypeOf(state).toEqualTypeOf<undefined>();
  },
});

// @ts-expect-error a handler gives events, which are objects
windowCorrelation({ ...common, events: ['begun'], window: tumbling('1m'), emit: () => 5 });
// @ts-expect-error a span of time has a unit
tumbling('5');
