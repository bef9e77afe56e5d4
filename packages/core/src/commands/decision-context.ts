import { MessageContext, type MessageContextInit } from '../messages/context.js';
import type { CommandContext } from '../model/aggregate-definition.js';

interface DecisionContextInit extends MessageContextInit {
  readonly commandId: string;
  readonly aggregateId: string;
  readonly stream: string;
  readonly version: number;
}

/** The context of one try at one decision: a further try gets a new one, so that nothing set in it is carried over. */
export class DecisionContext extends MessageContext implements CommandContext {
  readonly commandId: string;
  readonly aggregateId: string;
  readonly stream: string;
  readonly version: number;

  constructor(init: DecisionContextInit) {
    super({ ...init, messageId: init.commandId });
    this.commandId = init.commandId;
    this.aggregateId = init.aggregateId;
    this.stream = init.stream;
    this.version = init.version;
  }
}
