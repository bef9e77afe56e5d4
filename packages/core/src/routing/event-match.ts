import { ConfigurationError } from '../error.js';
import type { RecordedEvent } from '../messages/event.js';
import { isClass } from '../model/class-marks.js';
import type { Class } from '../model/definition.js';
import { messageDefinitionOf } from '../model/handled-messages.js';
import type { MessageDefinition } from '../model/message-definition.js';
import { compileConditions, type Conditions, type ValueTest } from './conditions.js';
import { compileNamePattern } from './name-pattern.js';
import { checkedExpression, hasWildcard, isStorable, piecesOf } from './pattern-syntax.js';
import { uniteFilters, type PushedFilter } from './pushed-filter.js';
import { compileTextPattern, type TextMatcher } from './text-pattern.js';
import { TypePattern } from './type-pattern.js';

/** A pattern, a regular expression, or several, of which one must match. */
export type Patterns = string | RegExp | readonly (string | RegExp)[];

/** A class with `@Event`, a pattern over names of types, or a regular expression. */
export type TypeReference<Data = unknown> =
  | (Class & { readonly prototype: Data })
  | string
  | RegExp
  | TypePattern;

/** Which events are meant: all that is given must hold. */
export interface EventMatch<Data = unknown> {
  /**
   * The event's type. Names have segments, separated by dots: `*` stands for one, or for any characters within one; `**`
   * for any number of them. Of several, one must match.
   */
  readonly type?: TypeReference<Data> | readonly TypeReference<Data>[] | undefined;
  /** The name of its stream, as plain text without segments: `*` stands for any characters. `order-*`, `saga:*`. */
  readonly stream?: Patterns | undefined;
  /** The agent that acted, `metadata.agentId`, as plain text: `*` stands for any characters. */
  readonly agent?: Patterns | undefined;
  /** Values of its metadata, by key. Plain values must be equal. */
  readonly metadata?: Conditions | undefined;
  /** Values of its data, by name; a dot leads to a value within a value. Plain values must be equal. */
  readonly data?: Conditions | undefined;
}

/** Which events are meant: types alone, or more; of several, one must hold. */
export type Match<Data = unknown> =
  | TypeReference<Data>
  | EventMatch<Data>
  | readonly (TypeReference<Data> | EventMatch<Data>)[];

/** Tells of an event, whose type and agent have matched, whether the rest does. */
export type EventTest = (event: RecordedEvent) => boolean;

/** A match, ready to be asked. */
export interface CompiledMatch {
  /**
   * What else must hold of events of the type and the agent; `undefined` if none of them is meant.
   *
   * @param agent `metadata.agentId`, whatever it is
   */
  narrow(type: string, agent: unknown): EventTest | undefined;
  /** True if it makes a difference which agent acted. */
  readonly asksAgent: boolean;
  /** What a store can check of it. */
  readonly pushed: PushedFilter;
  /** Definitions of the classes that it names. */
  readonly messages: readonly MessageDefinition[];
}

/** The test of an event when there is nothing else to ask. */
export const always: EventTest = () => true;

/** One alternative of a match. */
interface Alternative {
  readonly matchesType: TextMatcher;
  /** `undefined`: it makes no difference who acted. */
  readonly matchesAgent: TextMatcher | undefined;
  readonly test: EventTest;
  readonly pushed: PushedFilter;
}

/**
 * Compiles a match.
 *
 * @param where what it is of, for errors
 * @throws {ConfigurationError} a pattern, an expression or a condition in it is not valid, or a class is no event
 */
export const compileMatch = (match: Match, where: string): CompiledMatch => {
  const messages = new Set<MessageDefinition>();
  const listed = isList(match) ? match : [match];
  if (listed.length === 0) throw new ConfigurationError(`${where} is an empty list: nothing would match.`);
  const alternatives = listed.map((one, index) =>
    compileAlternative(
      isTypeReference(one) ? { type: one } : one,
      isList(match) ? `${where}[${index}]` : where,
      messages,
    ),
  );
  return {
    narrow: (type, agent) =>
      either(alternatives.filter((one) => one.matchesType(type) && isBy(one.matchesAgent, agent))),
    asksAgent: alternatives.some(({ matchesAgent }) => matchesAgent !== undefined),
    pushed: uniteFilters(alternatives.map(({ pushed }) => pushed)),
    messages: [...messages],
  };
};

const isBy = (matches: TextMatcher | undefined, agent: unknown): boolean =>
  matches === undefined || (typeof agent === 'string' && matches(agent));

const either = (alternatives: readonly Alternative[]): EventTest | undefined => {
  const [first, ...others] = alternatives;
  if (first === undefined || others.length === 0) return first?.test;
  if (alternatives.some(({ test }) => test === always)) return always;
  return (event) => alternatives.some(({ test }) => test(event));
};

const known: ReadonlySet<string> = new Set(['type', 'stream', 'agent', 'metadata', 'data']);

const compileAlternative = (
  match: EventMatch,
  where: string,
  messages: Set<MessageDefinition>,
): Alternative => {
  if (typeof match !== 'object' || match === null) {
    throw new ConfigurationError(
      `${where} is no match: give a type, or an object with type, stream, agent, metadata or data.`,
    );
  }
  const stray = Object.keys(match).find((key) => !known.has(key));
  if (stray !== undefined) {
    throw new ConfigurationError(
      `${where} has "${stray}", which there is not. There are: ${[...known].join(', ')}.`,
    );
  }
  const { type, stream, agent, metadata, data } = match;
  const types = type === undefined ? undefined : compileTypes(type, `${where}.type`, messages);
  const tests: EventTest[] = [];
  if (stream !== undefined) {
    const matches = compilePatterns(stream, `${where}.stream`);
    tests.push((event) => matches(event.stream));
  }
  if (metadata !== undefined)
    tests.push(testOf('metadata', compileConditions(metadata, false, `${where}.metadata`)));
  if (data !== undefined) tests.push(testOf('data', compileConditions(data, true, `${where}.data`)));
  const streamPrefixes = stream === undefined ? undefined : beginningsOf(stream);
  const pushedMetadata = equalitiesOf(match);
  return {
    matchesType: types?.matches ?? (() => true),
    matchesAgent: agent === undefined ? undefined : compilePatterns(agent, `${where}.agent`),
    test: allOf(tests),
    pushed: {
      ...(types?.names === undefined ? {} : { types: types.names }),
      ...(streamPrefixes === undefined ? {} : { streamPrefixes }),
      ...(pushedMetadata === undefined ? {} : { metadata: pushedMetadata }),
    },
  };
};

const testOf =
  (part: 'metadata' | 'data', test: ValueTest): EventTest =>
  (event) =>
    test(event[part]);

const allOf = (tests: readonly EventTest[]): EventTest => {
  const [first, ...others] = tests;
  if (first === undefined) return always;
  return others.length === 0 ? first : (event) => tests.every((test) => test(event));
};

interface CompiledTypes {
  readonly matches: TextMatcher;
  /** The names, if it has no patterns. */
  readonly names: readonly string[] | undefined;
}

const compileTypes = (
  types: NonNullable<EventMatch['type']>,
  where: string,
  messages: Set<MessageDefinition>,
): CompiledTypes => {
  const listed = isList(types) ? types : [types];
  if (listed.length === 0) throw new ConfigurationError(`${where} is an empty list: nothing would match.`);
  const names = new Set<string>();
  const matchers: TextMatcher[] = [];
  for (const type of listed) {
    if (type === undefined) {
      throw new ConfigurationError(
        `${where} names a class that is not loaded yet: two modules import each other. Move the event to a module of its own.`,
      );
    }
    if (isClass(type)) {
      const message = messageDefinitionOf(type, 'event', where);
      messages.add(message);
      names.add(message.name);
    } else if (type instanceof TypePattern) matchers.push((name) => type.matches(name));
    else if (type instanceof RegExp) matchers.push(testing(checkedExpression(type, where)));
    else {
      const matches = compileNamePattern(type, where);
      if (hasWildcard(type)) matchers.push(matches);
      else names.add(piecesOf(type).join(''));
    }
  }
  if (matchers.length === 0) return { matches: (name) => names.has(name), names: [...names] };
  return {
    matches: (name) => names.has(name) || matchers.some((matches) => matches(name)),
    names: undefined,
  };
};

const compilePatterns = (patterns: Patterns, where: string): TextMatcher => {
  const listed = isList(patterns) ? patterns : [patterns];
  if (listed.length === 0) throw new ConfigurationError(`${where} is an empty list: nothing would match.`);
  const matchers = listed.map((pattern) =>
    pattern instanceof RegExp
      ? testing(checkedExpression(pattern, where))
      : compileTextPattern(pattern, where),
  );
  const [first, ...others] = matchers;
  return first !== undefined && others.length === 0
    ? first
    : (text) => matchers.some((matches) => matches(text));
};

const testing =
  (expression: RegExp): TextMatcher =>
  (text) =>
    expression.test(text);

/** What the streams begin with; `undefined` if some may begin with anything. */
const beginningsOf = (patterns: Patterns): readonly string[] | undefined => {
  const beginnings: string[] = [];
  for (const pattern of isList(patterns) ? patterns : [patterns]) {
    const beginning = pattern instanceof RegExp ? '' : (piecesOf(pattern)[0] ?? '');
    if (beginning === '') return undefined;
    beginnings.push(beginning);
  }
  return beginnings;
};

/** The keys of the metadata of which only one value is meant. */
const equalitiesOf = ({ agent, metadata = {} }: EventMatch): PushedFilter['metadata'] => {
  const pushed = new Map<string, string | number | boolean>();
  for (const [key, condition] of Object.entries(metadata)) {
    const wanted =
      typeof condition === 'object' && condition !== null && 'eq' in condition ? condition.eq : condition;
    if (isPushable(wanted)) pushed.set(key, wanted);
  }
  if (typeof agent === 'string' && !hasWildcard(agent)) pushed.set('agentId', piecesOf(agent).join(''));
  pushed.delete('__proto__');
  return pushed.size === 0 ? undefined : Object.fromEntries(pushed);
};

/** Values that every store compares as the language does. */
const isPushable = (value: unknown): value is string | number | boolean =>
  typeof value === 'boolean' ||
  (typeof value === 'string' && isStorable(value)) ||
  (typeof value === 'number' && !Object.is(value, -0));

const isList = <Item>(value: Item | readonly Item[]): value is readonly Item[] => Array.isArray(value);

const isTypeReference = (value: TypeReference | EventMatch): value is TypeReference =>
  typeof value === 'string' ||
  typeof value === 'function' ||
  value instanceof RegExp ||
  value instanceof TypePattern;
