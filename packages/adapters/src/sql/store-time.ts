/**
 * The time of a statement whose first parameter is the time that a test gives, or null: then the database's own, so that nodes
 * with skewed clocks agree.
 */
export const now = 'coalesce($1::timestamptz, clock_timestamp())';

/**
 * So many milliseconds after {@link now}. Stored times have milliseconds, and rounded up they would be later than was asked for.
 *
 * @param milliseconds SQL for them, such as a parameter
 */
export const later = (milliseconds: string): string =>
  `date_trunc('milliseconds', ${now} + ${milliseconds}::float8 * interval '1 millisecond')`;
