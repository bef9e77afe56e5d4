import { ConfigurationError } from '../error.js';
import type { HandlerPolicy } from '../model/handler-policy.js';
import type { ProcessorDefinition } from '../model/processor-definition.js';

/**
 * Checks that a policy can hold for a processor.
 *
 * @param subject whose it is, for messages
 * @throws {ConfigurationError} it cannot
 */
export const checkPolicy = (
  definition: ProcessorDefinition,
  { onFailure, bulkhead }: HandlerPolicy,
  subject: string,
): void => {
  if (onFailure === 'compensate' && definition.compensate === undefined) {
    throw new ConfigurationError(
      `${subject} has onFailure 'compensate' and nothing that does: add a method with @Compensate().`,
    );
  }
  if (definition.delivery.mode !== 'transaction') return;
  if (onFailure === 'park' || onFailure === 'compensate') {
    throw new ConfigurationError(
      `${subject} handles in transactions, in the order of the whole log, and cannot have onFailure '${onFailure}': what comes ` +
        "later may build on what failed. Use 'stop', mend the handler and start it again, or 'skip'.",
    );
  }
  if (bulkhead !== undefined) {
    throw new ConfigurationError(
      `${subject} handles in transactions, one at a time: a bulkhead would hold a connection while it waits. Leave it out.`,
    );
  }
};
