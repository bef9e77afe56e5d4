import { TidemarkError } from '../error.js';

/** A migration cannot be done as asked, or found something in its way. What was copied so far stays and is not copied again. */
export class MigrationError extends TidemarkError {
  readonly code = 'migration';

  /** @param migration its name */
  constructor(
    readonly migration: string,
    reason: string,
    options?: ErrorOptions,
  ) {
    super(`Migration "${migration}": ${reason}`, options);
  }
}

/** How one stream of the target differs from what the source says it should be. */
export interface StreamDifference {
  readonly stream: string;
  /** `missing`: not in the target. `unexpected`: only in the target. `count`: another number of events. `content`: other events. */
  readonly kind: 'missing' | 'unexpected' | 'count' | 'content';
  /** How many events it should have. */
  readonly expected: number;
  /** How many it has. */
  readonly actual: number;
  /**
   * Which event, counted from 0 within what was migrated to the stream, is the first that differs. `undefined` where it
   * was not looked for: that is done for the first ten streams only.
   */
  readonly firstDifference?: number | undefined;
}

/** The target does not hold what the source and the transformations say. Do not switch to it. */
export class MigrationVerificationError extends TidemarkError {
  readonly code = 'migration-verification';

  /**
   * @param differences every stream that differs
   * @param order true if all streams are right, but their events stand in the whole log in another order
   */
  constructor(
    readonly migration: string,
    readonly differences: readonly StreamDifference[],
    readonly order: boolean,
  ) {
    super(
      `Migration "${migration}" is not right: ${
        order
          ? 'every stream is as it should be, but the events stand in the whole log in another order'
          : `${differences.length} ${differences.length === 1 ? 'stream differs' : 'streams differ'}: ` +
            differences.slice(0, 5).map(describe).join('; ') +
            (differences.length > 5 ? '; …' : '')
      }. Do not switch to the target: empty it, forget the checkpoint of the migration, and migrate again. ` +
        'Transformations must be pure functions, and nobody else may write to the streams that are migrated to.',
    );
  }
}

const describe = ({ stream, kind, expected, actual, firstDifference }: StreamDifference): string => {
  const at = firstDifference === undefined ? '' : `, the first difference at event ${firstDifference}`;
  const sentences: Readonly<Record<typeof kind, string>> = {
    missing: `"${stream}" with ${expected} events is missing`,
    unexpected: `"${stream}" with ${actual} events should not be there`,
    count: `"${stream}" has ${actual} events instead of ${expected}${at}`,
    content: `"${stream}" has other events than it should${at}`,
  };
  return sentences[kind];
};
