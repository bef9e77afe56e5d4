import { TidemarkError } from '../error.js';

/** A command handler returned something that is not an event. Nothing was appended. */
export class InvalidDecisionError extends TidemarkError {
  readonly code = 'invalid-decision';

  /** @param aggregate name of the aggregate whose handler it was */
  constructor(
    readonly aggregate: string,
    found: string,
  ) {
    super(
      `A command handler of aggregate "${aggregate}" returned ${found}. ` +
        'Return one event, a list or generator of events, or nothing; an event is an instance of an @Event class or { type, data }.',
    );
  }
}

/**
 * A command was sent to an aggregate from within the decision of an aggregate. Each would hold its own turn and wait
 * for the other's; an aggregate decides on its own state alone. Nothing was appended by the refused command.
 */
export class NestedCommandError extends TidemarkError {
  readonly code = 'nested-command';

  /**
   * @param stream the stream that the refused command is for
   * @param deciding the stream whose decision sent it
   */
  constructor(
    readonly stream: string,
    readonly deciding: string,
  ) {
    super(
      `A command for "${stream}" was sent from within the decision of "${deciding}". An aggregate decides on its own ` +
        'state alone: send the command from a processor or a saga that handles its event, or from a command handler ' +
        'outside of any aggregate.',
    );
  }
}
