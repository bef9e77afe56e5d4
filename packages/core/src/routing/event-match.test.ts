import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { ConfigurationError } from '../error.js';
import { compileFilter } from '../log/filter.js';
import type { RecordedEvent } from '../messages/event.js';
import { Event } from '../model/message-decorators.js';
import { Schema } from '../schema/schema.js';
import { eventAt } from './events.test-support.js';
import { compileMatch, type EventMatch, type Match } from './event-match.js';
import { covers, storedPart, uniteFilters, type PushedFilter } from './pushed-filter.js';
import { matching } from './type-pattern.js';

@Event({ name: 'order.shipped' })
class OrderShipped {
  constructor(readonly to: string) {}
}

const matches = (match: Match, event: RecordedEvent): boolean =>
  compileMatch(match, 'It').narrow(event.type, event.metadata.agentId)?.(event) ?? false;

describe('a match', () => {
  const event = eventAt(1n, {
    type: 'agent.research.completed',
    stream: 'task-7',
    metadata: { agentId: 'crew-ada', tenant: 'acme', level: 3, urgent: true },
    data: {
      amount: 120,
      customer: { tier: 'gold' },
      tags: ['a', 'b'],
      none: null,
      at: new Date(5),
      word: 'pear',
    },
  });

  it.each<[Match, boolean]>([
    ['agent.*.completed', true],
    ['agent.*', false],
    [/completed$/, true],
    [matching('x.*', 'agent.**'), true],
    [['x', 'agent.research.completed'], true],
    [{}, true],
    [{ type: ['x', /^y/] }, false],
    [{ type: [OrderShipped, 'agent.**'] }, true],
    [{ stream: 'task-*' }, true],
    [{ stream: ['order-*', /-7$/] }, true],
    [{ stream: 'order-*' }, false],
    [{ agent: 'crew-*' }, true],
    [{ agent: ['ada', 'bob'] }, false],
    [{ agent: 'crew-ada', type: 'x' }, false],
    [{ metadata: { tenant: 'acme', level: { gte: 3 } } }, true],
    [{ metadata: { tenant: /^ac/ } }, true],
    [{ metadata: { tenant: { like: 'ac*' } } }, true],
    [{ metadata: { level: { like: 'ac*' } } }, false],
    [{ metadata: { level: /3/ } }, false],
    [{ metadata: { level: '3' } }, false],
    [{ data: { amount: { gt: 100, lt: 121 } } }, true],
    [{ data: { amount: { gt: 120 } } }, false],
    [{ data: { amount: { lte: 120, gte: 120 } } }, true],
    [{ data: { amount: { gt: '100' } } }, false],
    [{ data: { word: { gt: 'apple', lt: 'zebra' } } }, true],
    [{ data: { at: { lte: new Date(5) } } }, true],
    [{ data: { at: { lt: 7 } } }, false],
    [{ data: { 'customer.tier': ['gold', 'silver'] } }, true],
    [{ data: { 'customer.tier': { notIn: ['gold'] } } }, false],
    [{ data: { 'customer.size': { exists: false } } }, true],
    [{ data: { none: { exists: true } } }, true],
    [{ data: { none: null } }, true],
    [{ data: { missing: { ne: 'x' } } }, true],
    [{ data: { missing: null } }, false],
    [{ data: { tags: { includes: 'b' } } }, true],
    [{ data: { word: { includes: 'p' } } }, false],
    [{ data: { toString: { exists: true } } }, false],
    [{ data: { 'customer.constructor.name': { exists: true } } }, false],
    [[{ stream: 'x-*' }, { agent: 'crew-ada' }], true],
    [[{ stream: 'x-*' }, { agent: 'bob' }], false],
    [[{ stream: 'x-*' }, 'agent.**'], true],
  ])('%j: %s', (match, expected) => {
    expect(matches(match, event)).toBe(expected);
  });

  it('has no agent where the metadata names none', () => {
    expect(matches({ agent: '*' }, eventAt(1n))).toBe(false);
  });

  it('takes classes by the names of their events, and mentions them', () => {
    const compiled = compileMatch([OrderShipped, { type: OrderShipped, stream: 'x' }], 'It');
    expect(compiled.messages.map(({ name }) => name)).toEqual(['order.shipped']);
    expect(compiled.pushed).toEqual({ types: ['order.shipped'] });
  });

  it.each<[string, unknown]>([
    ['an empty list', []],
    ['match.type is an empty list', { type: [] }],
    ['match.stream is an empty list', { stream: [] }],
    ['match[1].type, "a..*", has an empty segment', ['a', { type: 'a..*' }]],
    ['match has "typ", which there is not', { typ: 'a' }],
    ['match is no match', null],
    ['match is no match', 7],
    ['match.metadata.x has the comparison "like2"', { metadata: { x: { like2: 'a' } } }],
    ['match.data must be an object', { data: [] }],
    ['match.data.x is no condition', { data: { x: {} } }],
    ['match.data.x is no condition', { data: { x: new Date() } }],
    ['"eq" needs a text, a finite number', { data: { x: Number.NaN } }],
    ['"ne" needs', { data: { x: { ne: {} } } }],
    ['"in" needs a list', { data: { x: [] } }],
    ['"in" needs a list', { data: { x: { in: 'a' } } }],
    ['"notIn" needs a list', { data: { x: { notIn: [{}] } } }],
    ['"gt" needs a number', { data: { x: { gt: null } } }],
    ['"gte" needs a number', { data: { x: { gte: new Date(Number.NaN) } } }],
    ['"like" needs a text', { data: { x: { like: 7 } } }],
    ['"includes" needs', { data: { x: { includes: [] } } }],
    ['"exists" needs true or false', { data: { x: { exists: 1 } } }],
    ['has the flag "g"', { data: { x: /a/g } }],
    ['has the flag "y"', { stream: /a/y }],
    ['names a class that is not loaded yet', { type: [undefined] }],
    ['add @Event', { type: class Unmarked {} }],
  ])('%s', (reason, match) => {
    const compile = (): unknown => compileMatch(match as Match, 'match');
    expect(compile).toThrow(ConfigurationError);
    expect(compile).toThrow(reason);
  });
});

const names = ['a', 'a.b', 'a.c', 'b.c'];
const streams = ['order-1', 'order-2', 'task-1', 'saga:x-1'];
const metadata = fc.record(
  {
    agentId: fc.constantFrom('ada', 'bob'),
    tenant: fc.constantFrom('x', 'y', 1, true),
    n: fc.integer({ min: -1, max: 1 }),
  },
  { requiredKeys: [] },
);
const anyEvent = fc
  .record({ type: fc.constantFrom(...names), stream: fc.constantFrom(...streams), metadata })
  .map((parts) => eventAt(1n, parts));
const anyMatch: fc.Arbitrary<EventMatch> = fc.record(
  {
    type: fc.oneof(
      fc.constantFrom(...names, 'a.*', '**', /^b/),
      fc.array(fc.constantFrom<string | RegExp>(...names, 'a.*', /c$/), { minLength: 1, maxLength: 3 }),
    ),
    stream: fc.oneof(
      fc.constantFrom<string | RegExp>(...streams, 'order-*', '*-1', 'saga:*', /1$/),
      fc.array(fc.constantFrom(...streams, 'order-*', 'ta*'), { minLength: 1, maxLength: 3 }),
    ),
    agent: fc.constantFrom('ada', 'a*', 'bob'),
    metadata: fc.record(
      {
        tenant: fc.constantFrom('x', 1, true, { ne: 'y' }, ['x', 'y'], { eq: 'y' }, { in: [1] }),
        n: fc.constantFrom(0, -0, 1, { gt: -1 }),
      },
      { requiredKeys: [] },
    ),
  },
  { requiredKeys: [] },
);
const anyMatches = fc.array(anyMatch, { minLength: 1, maxLength: 3 });

describe('what is pushed down to the store', () => {
  it('and the rest, checked here, are what the match says', () => {
    fc.assert(
      fc.property(anyMatches, fc.array(anyEvent, { maxLength: 20 }), (match, events) => {
        const { pushed } = compileMatch(match, 'It');
        const plain = events.filter((event) => match.some((one) => matches(one, event)));
        const delivered = events.filter(compileFilter(pushed));
        expect(delivered.filter((event) => matches(match, event))).toEqual(plain);
      }),
      { numRuns: 1_000 },
    );
  });

  it('of several together lets through what each does', () => {
    fc.assert(
      fc.property(fc.array(anyMatch, { maxLength: 4 }), anyEvent, (list, event) => {
        const filters = list.map((match) => compileMatch(match, 'It').pushed);
        const united = uniteFilters(filters);
        if (filters.some((filter) => compileFilter(filter)(event)))
          expect(compileFilter(united)(event)).toBe(true);
        for (const filter of filters) expect(covers(united, filter)).toBe(true);
      }),
      { numRuns: 1_000 },
    );
  });

  it('is compared without saying too much', () => {
    fc.assert(
      fc.property(anyMatches, anyMatches, anyEvent, (wide, narrow, event) => {
        const [one, other] = [compileMatch(wide, 'It').pushed, compileMatch(narrow, 'It').pushed];
        if (covers(one, other) && compileFilter(other)(event)) expect(compileFilter(one)(event)).toBe(true);
      }),
      { numRuns: 1_000 },
    );
  });

  it.each<[Match, PushedFilter]>([
    ['a.b', { types: ['a.b'] }],
    ['a.\\*', { types: ['a.*'] }],
    [['a', 'b'], { types: ['a', 'b'] }],
    ['a.*', {}],
    [['a', 'b.*'], {}],
    [{ stream: 'order-*' }, { streamPrefixes: ['order-'] }],
    [{ stream: ['order-1*', 'order-*', 'task-1'] }, { streamPrefixes: ['order-', 'task-1'] }],
    [{ stream: ['order-*', '*'] }, {}],
    [{ stream: /x/ }, {}],
    [{ agent: 'ada' }, { metadata: { agentId: 'ada' } }],
    [{ agent: 'a*' }, {}],
    [
      { metadata: { x: 1, y: { eq: true, ne: 2 }, z: null, u: ['a'], v: -0, w: 'a\0' } },
      { metadata: { x: 1, y: true } },
    ],
    [[{ agent: 'ada', metadata: { x: 1 } }, { metadata: { x: 1 } }], { metadata: { x: 1 } }],
    [[{ metadata: { x: 1 } }, { metadata: { x: 2 } }], {}],
  ])('of %j is %j', (match, expected) => {
    expect(compileMatch(match, 'It').pushed).toEqual(expected);
  });

  it('is left out where there are too many names', () => {
    const many = Array.from({ length: 1_001 }, (_, index) => `type.${index}`);
    expect(compileMatch(many, 'It').pushed).toEqual({});
  });

  it('asks for the types that become one by upcasting, and leaves out conditions that an upcaster may make true', () => {
    const schema = new Schema();
    schema.register({
      kind: 'upcaster',
      name: 'old',
      definedAt: 'here:1:1',
      from: { type: 'old', version: 1 },
      to: [{ type: 'new', version: 1 }],
      upcast: () => [],
    });
    expect(storedPart({ types: ['new'], metadata: { x: 1 } }, schema)).toEqual({ types: ['new', 'old'] });
    expect(storedPart({ types: ['other'], metadata: { x: 1 } }, schema)).toEqual({
      types: ['other'],
      metadata: { x: 1 },
    });
    expect(storedPart({ metadata: { x: 1 } }, schema)).toEqual({});
    expect(storedPart({ metadata: { x: 1 } }, new Schema())).toEqual({ metadata: { x: 1 } });
  });
});
