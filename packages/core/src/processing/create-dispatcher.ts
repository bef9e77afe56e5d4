import { ConfigurationError } from '../error.js';
import type { Dispatcher, DispatcherHost } from './dispatcher.js';
import { EachDispatcher } from './each-dispatcher.js';
import type { Source } from './source.js';
import { TransactionDispatcher } from './transaction-dispatcher.js';

/**
 * The dispatcher for the definition's mode of delivery, on a source that is open.
 *
 * @throws {ConfigurationError} the source has no checkpoint that a transaction could store
 */
export const createDispatcher = (host: DispatcherHost, source: Source): Dispatcher => {
  const { delivery, name, definedAt } = host.definition;
  if (delivery.mode !== 'transaction') return new EachDispatcher(host, delivery, source.work);
  if (source.checkpointer !== undefined)
    return new TransactionDispatcher(host, delivery, source.checkpointer);
  throw new ConfigurationError(
    `"${name}" (${definedAt}) handles in transactions, but its source has no checkpoint that one could store: ` +
      "deliver with mode 'each', or leave the source out, to follow the log.",
  );
};
