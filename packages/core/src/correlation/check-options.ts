import { milliseconds } from '../duration.js';
import { ConfigurationError } from '../error.js';
import { checkName } from '../model/check-name.js';
import { messageDefinitionOf } from '../model/handled-messages.js';
import type { MessageDefinition } from '../model/message-definition.js';
import type { CorrelationOptions } from './definition.js';
import type { PatternStep } from './pattern.js';

/** Most characters of the name and of a key: together with the prefix, they are the name of a stream. */
const longestName = 100;

/**
 * Refuses options that contradict each other.
 *
 * @param by what makes the definition, for messages: `@Correlation on Idle (src/idle.ts:3:1)`
 * @throws {ConfigurationError}
 */
export const checkOptions = (by: string, place: string, options: CorrelationOptions): void => {
  const { name, lateness, limits = {}, time } = options;
  checkName('A correlation', name, place);
  if (name.length > longestName) {
    throw new ConfigurationError(
      `${by}: its name has ${name.length} characters, but at most ${longestName} may be.`,
    );
  }
  if (lateness === undefined && time !== undefined) {
    throw new ConfigurationError(
      `${by} takes the time of events from "time", so it must say how much later than others an event may come: add lateness, ` +
        "such as '2s'. What comes still later is late.",
    );
  }
  if (lateness !== undefined) milliseconds(lateness, `${by}: lateness`);
  for (const limit of ['keys', 'perKey'] as const) {
    const value = limits[limit];
    if (value === undefined || (Number.isSafeInteger(value) && value >= 1)) continue;
    throw new ConfigurationError(`${by}: limits.${limit} is ${value}; it must be a whole number from 1.`);
  }
};

/**
 * Refuses a pattern that has no end or can never be complete.
 *
 * @throws {ConfigurationError}
 */
export const checkPattern = (
  by: string,
  steps: readonly PatternStep[],
  withinMs: number | undefined,
): number => {
  if (withinMs === undefined) {
    throw new ConfigurationError(
      `${by}: its pattern has no end, so it would wait for ever for what does not come. Add .within('…').`,
    );
  }
  if (steps.length === 1) {
    throw new ConfigurationError(
      `${by}: its pattern is a single event. Add .followedBy(…) or .notFollowedBy(…), or take a processor.`,
    );
  }
  return withinMs;
};

/** The definitions of the classes of derived events. */
export const emittedMessages = (
  by: string,
  emits: CorrelationOptions['emits'] = [],
): readonly MessageDefinition[] => emits.map((type) => messageDefinitionOf(type, 'event', `${by}: emits`));
