import { InvalidArgumentError } from './log/errors.js';

/** A span of time: a number of milliseconds, or a whole or decimal number with a unit, such as `'250ms'`, `'30s'`, `'5m'`, `'2h'`, `'3d'`. */
export type Duration = number | `${number}${'ms' | 's' | 'm' | 'h' | 'd'}`;

const millisecondsOf: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

/**
 * A duration in whole milliseconds.
 *
 * @param where what the duration is for, as a path such as `step "plan": deadline`, for the error's message
 * @throws {InvalidArgumentError} it is negative, not finite, or not of the form above
 */
export const milliseconds = (duration: Duration, where: string): number => {
  const match = typeof duration === 'string' ? /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/.exec(duration) : undefined;
  const value =
    typeof duration === 'number'
      ? duration
      : Number(match?.[1]) * (millisecondsOf[match?.[2] ?? ''] ?? Number.NaN);
  if (!Number.isFinite(value) || value < 0) {
    throw new InvalidArgumentError(
      where,
      `is not a duration: ${JSON.stringify(duration)}. Give milliseconds, or a number with ms, s, m, h or d, such as '30s'.`,
    );
  }
  return Math.round(value);
};
