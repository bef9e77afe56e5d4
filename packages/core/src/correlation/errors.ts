import { TidemarkError } from '../error.js';
import type { RecordedEvent } from '../messages/event.js';

/** What a correlation was given by the user's code is not what it can take: a key, a time, a derived event, a state. */
export class CorrelationError extends TidemarkError {
  readonly code = 'correlation';

  constructor(
    readonly correlation: string,
    readonly key: string | undefined,
    problem: string,
    options?: ErrorOptions,
  ) {
    super(
      `Correlation "${correlation}"${key === undefined ? '' : `, key ${JSON.stringify(key)}`}: ${problem}`,
      options,
    );
  }
}

/** A correlation holds as much as it may, and its limits say to fail then. */
export class CorrelationLimitError extends TidemarkError {
  readonly code = 'correlation-limit';

  constructor(
    readonly correlation: string,
    readonly limit: 'keys' | 'perKey',
    readonly value: number,
    readonly event: RecordedEvent,
  ) {
    super(
      `Correlation "${correlation}" has ${limit === 'keys' ? `${value} open keys` : `${value} things open in one key`}, as many ` +
        `as it may, and event "${event.type}" (stream "${event.stream}", version ${event.version}) would open one more. Close ` +
        `windows sooner, raise limits.${limit}, or let it leave out what is too much by limits.exceeded: 'drop'.`,
    );
  }
}
