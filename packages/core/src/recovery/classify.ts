import { ConfigurationError } from '../error.js';
import { InvalidArgumentError, UnsupportedError } from '../log/errors.js';
import type { RecordedEvent } from '../messages/event.js';
import type { ErrorClass, ErrorKind, ErrorRule, RateLimited } from '../model/error-rules.js';
import { RouteError, UnhandledEventError } from '../routing/errors.js';
import {
  SerializationError,
  UnknownMessageError,
  UnknownSchemaVersionError,
  UpcastError,
  ValidationError,
} from '../schema/errors.js';
import { ErrorRuleError } from './errors.js';
import { toError } from './thrown.js';

/** An error, and what it says of the try. */
export interface ClassifiedError {
  readonly kind: ErrorKind;
  /** Milliseconds to wait, where the other side said so. */
  readonly delayMs?: number | undefined;
  /** Why a rule could not tell; the kind is then `permanent`. */
  readonly ruleFailure?: ErrorRuleError | undefined;
}

const poisons = [ValidationError, UpcastError, UnknownSchemaVersionError, SerializationError];
const permanents = [
  ConfigurationError,
  RouteError,
  UnhandledEventError,
  UnknownMessageError,
  UnsupportedError,
  InvalidArgumentError,
];
const kinds: ReadonlySet<unknown> = new Set<ErrorKind>(['transient', 'rate-limited', 'permanent', 'poison']);

/**
 * What an error says, by the first rule that knows, else by what it is: our own errors about events are poison, those about
 * how things are put together are permanent, anything else is transient. Never throws.
 */
export const classify = (
  error: Error,
  event: RecordedEvent | undefined,
  rules: readonly ErrorRule[],
): ClassifiedError => {
  if (event !== undefined) {
    for (const rule of rules) {
      let found: ErrorClass | undefined;
      try {
        found = rule.classOf(error, event);
      } catch (thrown) {
        return unknown(error, 'threw', toError(thrown));
      }
      if (found === undefined) continue;
      if (isRateLimited(found)) return { kind: 'rate-limited', delayMs: found.delayMs };
      if (kinds.has(found)) return { kind: found };
      return unknown(error, 'gave what is no class of errors');
    }
  }
  if (poisons.some((type) => error instanceof type)) return { kind: 'poison' };
  if (permanents.some((type) => error instanceof type)) return { kind: 'permanent' };
  return { kind: 'transient' };
};

const unknown = (error: Error, what: string, cause?: Error): ClassifiedError => ({
  kind: 'permanent',
  ruleFailure: new ErrorRuleError(error, what, cause === undefined ? undefined : { cause }),
});

const isRateLimited = (found: ErrorClass): found is RateLimited =>
  typeof found === 'object' &&
  found !== null &&
  found.kind === 'rate-limited' &&
  (found.delayMs === undefined || (Number.isFinite(found.delayMs) && found.delayMs >= 0));
