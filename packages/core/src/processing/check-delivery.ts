import { ConfigurationError } from '../error.js';
import type { ProcessorDefinition } from '../model/processor-definition.js';
import { EventRanks } from './event-rank.js';

/**
 * Checks what a definition says of how it is delivered to.
 *
 * @throws {ConfigurationError} a count that is no whole number from 1, or a priority that is none
 */
export const checkDelivery = (definition: ProcessorDefinition): void => {
  const { batchSize, readAhead, delivery } = definition;
  const requireCount = (option: string, value: number | undefined): void => {
    if (value === undefined || (Number.isSafeInteger(value) && value >= 1)) return;
    const { role = 'processor', name, definedAt } = definition;
    throw new ConfigurationError(
      `${option} of ${role} "${name}" (${definedAt}) must be a whole number from 1, not ${String(value)}.`,
    );
  };
  requireCount('batchSize', batchSize);
  requireCount('readAhead', readAhead);
  if (delivery.mode === 'each') {
    requireCount('concurrency', delivery.concurrency);
    requireCount('keyConcurrency', delivery.keyConcurrency);
  }
  // Priorities that are given once and for all.
  void new EventRanks(definition);
};
