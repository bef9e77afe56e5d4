import { ConfigurationError } from '../error.js';
import type { RecordedEvent } from '../messages/event.js';

/**
 * What an error says of the try that it ended:
 * - `transient`: the next try may succeed
 * - `rate-limited`: too much was asked for; the next try may succeed, but not before a while
 * - `permanent`: it would fail again, because of what the world is like: an unknown address, a refusal
 * - `poison`: it would fail again, because of what the event is like; it is never tried twice
 */
export type ErrorKind = 'transient' | 'rate-limited' | 'permanent' | 'poison';

/** A try that was refused because too much was asked for. Made by {@link rateLimited}. */
export interface RateLimited {
  readonly kind: 'rate-limited';
  /** Milliseconds to wait; `undefined` if nobody said. */
  readonly delayMs: number | undefined;
}

/** What a rule makes of an error. */
export type ErrorClass = ErrorKind | RateLimited;

/** What is made of some errors. Made by {@link onError}. */
export interface ErrorRule {
  /**
   * The class of an error, or `undefined` if the rule is not for it.
   *
   * @throws what the user's functions throw
   */
  classOf(error: Error, event: RecordedEvent): ErrorClass | undefined;
}

/** The class of an error, once and for all or for each; `undefined` leaves it to the next rule. */
export type ErrorClassifier<Thrown extends Error = Error> =
  | ErrorClass
  | ((error: Thrown, event: RecordedEvent) => ErrorClass | undefined);

/** A class of errors, abstract ones included. */
export type ErrorType<Thrown extends Error> = abstract new (...parameters: never) => Thrown;

/**
 * Too much was asked for.
 *
 * @param delayMs milliseconds after which to try again, as the other side said. Default: the waits of the retry policy
 */
export const rateLimited = (delayMs?: number): RateLimited => ({ kind: 'rate-limited', delayMs });

/**
 * A rule for errors of a class, those derived from it included, or for all: `onError(Error, (error, event) => …)`.
 *
 * @param type the class
 * @param classify what such an error is
 * @throws {ConfigurationError} the class is no class of errors
 *
 * @example
 * ```ts
 * errors: [
 *   onError(TooManyRequests, (error) => rateLimited(error.retryAfterMs)),
 *   onError(UnknownAddress, 'permanent'),
 *   onError(HttpError, (error) => (error.status >= 500 ? 'transient' : 'permanent')),
 * ]
 * ```
 */
export const onError = <Thrown extends Error>(
  type: ErrorType<Thrown>,
  classify: ErrorClassifier<Thrown>,
): ErrorRule => {
  if (typeof type !== 'function' || !isErrorPrototype(type.prototype)) {
    throw new ConfigurationError('onError takes a class of errors: one that extends Error, or Error itself.');
  }
  const isOfType = (error: Error): error is Thrown =>
    Object.prototype.isPrototypeOf.call(type.prototype, error);
  return {
    classOf(error, event) {
      if (!isOfType(error)) return undefined;
      return typeof classify === 'function' ? classify(error, event) : classify;
    },
  };
};

const isErrorPrototype = (prototype: unknown): boolean =>
  prototype === Error.prototype || prototype instanceof Error;
