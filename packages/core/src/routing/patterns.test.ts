import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { ConfigurationError } from '../error.js';
import { compileNamePattern } from './name-pattern.js';
import { compileTextPattern } from './text-pattern.js';
import { matching, TypePattern } from './type-pattern.js';

/** Says by definition whether a text matches, trying everything. */
const naiveText = (pattern: string, text: string): boolean => {
  if (pattern === '') return text === '';
  if (pattern.startsWith('\\')) return text[0] === pattern[1] && naiveText(pattern.slice(2), text.slice(1));
  if (!pattern.startsWith('*'))
    return text[0] === pattern[0] && text !== '' && naiveText(pattern.slice(1), text.slice(1));
  return naiveText(pattern.slice(1), text) || (text !== '' && naiveText(pattern, text.slice(1)));
};

const naiveName = (pattern: readonly string[], name: readonly string[]): boolean => {
  const [first, ...rest] = pattern;
  if (first === undefined) return name.length === 0;
  const [segment, ...others] = name;
  if (first === '**') return naiveName(rest, name) || (segment !== undefined && naiveName(pattern, others));
  return segment !== undefined && naiveText(first, segment) && naiveName(rest, others);
};

const segment = fc.string({ unit: fc.constantFrom('a', 'b', '*'), minLength: 1, maxLength: 4 });
const isWhole = (text: string): boolean => text === '**' || !text.includes('**');

describe('a pattern over names', () => {
  it.each([
    ['agent.*.completed', 'agent.research.completed', true],
    ['agent.*.completed', 'agent.completed', false],
    ['agent.*.completed', 'agent.a.b.completed', false],
    ['agent.**', 'agent', true],
    ['agent.**', 'agent.a.b', true],
    ['agent.**', 'agents.a', false],
    ['**.completed', 'completed', true],
    ['**.completed', 'a.b.completed', true],
    ['**', 'anything.at.all', true],
    ['*', 'one', true],
    ['*', 'one.two', false],
    ['agent.re*.done', 'agent.research.done', true],
    ['agent.re*.done', 'agent.write.done', false],
    ['**.a.**.b', 'x.a.a.y.b', true],
    ['order.placed', 'order.placed', true],
    ['order.placed', 'order-placed', false],
    ['a.\\*', 'a.*', true],
    ['a.\\*', 'a.b', false],
    ['a.\\\\*', 'a.\\b', true],
  ])('%s on %s: %s', (pattern, name, expected) => {
    expect(compileNamePattern(pattern, 'It')(name)).toBe(expected);
  });

  it('says what a matcher that tries everything says', () => {
    fc.assert(
      fc.property(
        fc.array(fc.oneof(segment.filter(isWhole), fc.constant('**')), { minLength: 1, maxLength: 6 }),
        fc.array(fc.string({ unit: fc.constantFrom('a', 'b'), maxLength: 4 }), {
          minLength: 1,
          maxLength: 7,
        }),
        (pattern, name) => {
          expect(compileNamePattern(pattern.join('.'), 'It')(name.join('.'))).toBe(naiveName(pattern, name));
        },
      ),
      { numRuns: 2_000 },
    );
  });

  it('bears patterns that would have a backtracking matcher run for ever', () => {
    const many = '**.a*a*a*.'.repeat(40).slice(0, -1);
    expect(compileNamePattern(many, 'It')('aaa.'.repeat(2_000))).toBe(false);
    expect(compileTextPattern('*a'.repeat(200), 'It')('a'.repeat(50_000) + 'b')).toBe(false);
  });

  it.each([
    ['', 'Its type has 0 characters'],
    ['a'.repeat(501), 'Its type has 501 characters'],
    ['a..*', 'empty segment'],
    ['a.b**', '"**" within the segment "b**"'],
    ['a\\b', 'a backslash as character 2'],
    ['a\\', 'a backslash as character 2'],
    ['a\0', 'NUL'],
    ['a\ud800', 'surrogate'],
  ])('refuses %j', (pattern, reason) => {
    expect(() => compileNamePattern(pattern, 'Its type')).toThrow(ConfigurationError);
    expect(() => compileNamePattern(pattern, 'Its type')).toThrow(reason);
  });

  it.each([[null], [7], [{}]])('refuses %j, which is no text', (pattern) => {
    // @ts-expect-error what a caller without types may give
    expect(() => compileTextPattern(pattern, 'It')).toThrow('It must be text');
  });
});

describe('a pattern over text', () => {
  it.each([
    ['order-*', 'order-42', true],
    ['order-*', 'order-3f2a-11.b:7', true],
    ['order-*', 'orders-42', false],
    ['saga:*', 'saga:x-1', true],
    ['*-42', 'order-42', true],
    ['a*a', 'a', false],
    ['a*a', 'aa', true],
    ['a*b*c', 'abbc', true],
    ['a*b*bc', 'abc', false],
    ['**', '', true],
    ['order-42', 'order-42', true],
    ['order-42', 'order-421', false],
  ])('%s on %s: %s', (pattern, text, expected) => {
    expect(compileTextPattern(pattern, 'It')(text)).toBe(expected);
  });

  it('says what a matcher that tries everything says', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: fc.constantFrom('a', 'b', '*'), minLength: 1, maxLength: 8 }),
        fc.string({ unit: fc.constantFrom('a', 'b'), maxLength: 10 }),
        (pattern, text) => {
          expect(compileTextPattern(pattern, 'It')(text)).toBe(naiveText(pattern, text));
        },
      ),
      { numRuns: 2_000 },
    );
  });
});

describe('matching()', () => {
  it('takes patterns and regular expressions, of which one must match', () => {
    const types = matching('agent.*.completed', /^crew\./);
    expect(['agent.a.completed', 'crew.x', 'agent.a.failed'].map((type) => types.matches(type))).toEqual([
      true,
      true,
      false,
    ]);
    expect(String(types)).toBe('agent.*.completed or /^crew\\./');
  });

  it('says where a bad one stands', () => {
    expect(() => matching()).toThrow(/matching\(\) at .*patterns\.test\.ts:\d+:\d+ needs a pattern/);
    expect(() => matching('a..*')).toThrow(/The pattern at .*patterns\.test\.ts:\d+/);
    expect(() => matching(/a/g)).toThrow('has the flag "g"');
    expect(() => new TypePattern([/a/y], 'here')).toThrow('has the flag "y"');
  });
});
