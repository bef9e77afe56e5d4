import { canDivide } from '../cluster/segment.js';
import { ConfigurationError } from '../error.js';
import type { BatchHandler } from '../model/batch-handler.js';
import type { ProcessorDefinition } from '../model/processor-definition.js';
import { checkBatches } from './event-batches.js';
import { EventRanks } from './event-rank.js';

/**
 * Checks what a definition says of how it is delivered to.
 *
 * @throws {ConfigurationError} a source that goes with neither, a count that is no whole number from 1, a number of segments that is no power of two, or a priority that is none
 */
export const checkDelivery = (definition: ProcessorDefinition): void => {
  const { role = 'processor', name, definedAt, batchSize, readAhead, segments, delivery } = definition;
  const subject = `${role} "${name}" (${definedAt})`;
  checkSource(definition);
  const requireCount = (option: string, value: number | undefined): void => {
    if (value === undefined || (Number.isSafeInteger(value) && value >= 1)) return;
    throw new ConfigurationError(
      `${option} of ${subject} must be a whole number from 1, not ${String(value)}.`,
    );
  };
  requireCount('batchSize', batchSize);
  requireCount('readAhead', readAhead);
  if (delivery.mode !== 'transaction') {
    requireCount('concurrency', delivery.concurrency);
    requireCount('keyConcurrency', delivery.keyConcurrency);
  }
  if (segments !== undefined && !canDivide(segments)) {
    throw new ConfigurationError(
      `segments of ${subject} must be a power of two from 1 to 65,536, not ${String(segments)}.`,
    );
  }
  for (const batches of batchHandlersOf(delivery)) checkBatches(batches, subject);
  // Priorities that are given once and for all.
  void new EventRanks(definition);
};

/** A source that answers events one by one goes with no checkpoint. */
const checkSource = (definition: ProcessorDefinition): void => {
  const { source, delivery, startFrom, segments, role = 'processor', name, definedAt } = definition;
  if (source === undefined) return;
  const where = `${role} "${name}" (${definedAt}) consumes the persistent subscription "${source.group}"`;
  if (delivery.mode === 'transaction') {
    throw new ConfigurationError(
      `${where}, which has no checkpoint that a transaction could store: deliver with mode 'each', or leave the source out.`,
    );
  }
  if (segments !== undefined) {
    throw new ConfigurationError(`${where}, whose events the server shares out: leave segments out.`);
  }
  if (startFrom !== undefined || definition.checkpoint !== undefined) {
    throw new ConfigurationError(
      `${where}, which knows by itself how far it is: say startFrom there, and leave out a checkpoint of its own.`,
    );
  }
};

const batchHandlersOf = (delivery: ProcessorDefinition['delivery']): readonly BatchHandler[] => {
  switch (delivery.mode) {
    case 'each':
      return delivery.batches ?? [];
    case 'batch':
      return [delivery];
    case 'transaction':
      return [];
    default:
      return delivery satisfies never;
  }
};
