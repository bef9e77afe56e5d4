import type { Decision } from '../model/aggregate-definition.js';
import { InvalidDecisionError } from './errors.js';

/**
 * The events of a decision in whatever form the handler gave them. What is there already is answered without a
 * promise; generators run to their end here, so call this where the handler's context is the current one.
 *
 * @param aggregate name for the error
 * @throws {InvalidDecisionError} something in it is not an object
 */
export const eventsOf = (
  decision: Decision<unknown>,
  aggregate: string,
): readonly object[] | Promise<readonly object[]> => {
  if (decision === undefined || decision === null) return [];
  if (typeof decision !== 'object') throw new InvalidDecisionError(aggregate, nameOf(decision));
  if (decision instanceof Promise || isThenable(decision)) {
    return Promise.resolve(decision).then((settled) => eventsOf(settled, aggregate));
  }
  if (isAsyncIterable(decision)) return drain(decision, aggregate);
  if (isIterable(decision)) return Array.from(decision, (event) => checked(event, aggregate));
  return [decision];
};

const drain = async (events: AsyncIterable<unknown>, aggregate: string): Promise<readonly object[]> => {
  const drained: object[] = [];
  for await (const event of events) drained.push(checked(event, aggregate));
  return drained;
};

const checked = (event: unknown, aggregate: string): object => {
  if (typeof event !== 'object' || event === null || Array.isArray(event) || isThenable(event)) {
    throw new InvalidDecisionError(aggregate, `${nameOf(event)} among its events`);
  }
  return event;
};

/** What kind of thing it is, never its value: that may be sensitive. */
const nameOf = (value: unknown): string => {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object') return 'a promise';
  return value === undefined ? 'undefined' : `a ${typeof value}`;
};

const isThenable = (value: object): value is PromiseLike<unknown> =>
  'then' in value && typeof value.then === 'function';

const isIterable = (value: object): value is Iterable<unknown> => Symbol.iterator in value;

const isAsyncIterable = (value: object): value is AsyncIterable<unknown> => Symbol.asyncIterator in value;
