import { ConfigurationError } from '../error.js';

/**
 * How the server shares events out among the consumers of a group:
 *
 * - `round-robin`: by turns, whoever has room. No order.
 * - `dispatch-to-single`: all to one consumer, to the next only while that one is full. Nearly in order.
 * - `pinned`: those of one stream to the same consumer, as long as it is there. In order within a stream, but for what is
 *   delivered again.
 * - `pinned-by-correlation`: the same by correlation id.
 */
export type ConsumerStrategy = 'round-robin' | 'dispatch-to-single' | 'pinned' | 'pinned-by-correlation';

/** Which events of the whole log the server delivers to a group: one of the two. It cannot be changed afterwards. */
export interface GroupFilter {
  /** Of a stream that begins with one of these. */
  readonly streamPrefixes?: readonly string[] | undefined;
  /** Of a type, as stored, that begins with one of these. */
  readonly typePrefixes?: readonly string[] | undefined;
}

/** What {@link persistentSubscription} is made from. */
export interface PersistentSubscriptionOptions {
  /** Name of the group. All that consume under this name share its events; the server remembers how far it is. */
  readonly group: string;
  /** One stream, also one of links such as `$ce-order`, whose links are followed. Either this or `all`. */
  readonly stream?: string | undefined;
  /** The whole log, without the system's own events. */
  readonly all?: boolean | undefined;
  /** With `all`: what the server delivers. Default: everything. What the processor does not handle is acknowledged unseen. */
  readonly filter?: GroupFilter | undefined;
  /** Default: `round-robin`. */
  readonly strategy?: ConsumerStrategy | undefined;
  /**
   * Where a new group begins: a position of the log, or a version of the stream, inclusive. A group that exists goes on where it
   * is. Default: `beginning`.
   */
  readonly startFrom?: 'beginning' | 'end' | bigint | undefined;
  /** Most events that this consumer has in hand, not acknowledged. Default: 32. */
  readonly bufferSize?: number | undefined;
  /** How often the server delivers an event again before it parks it. Default: 10. */
  readonly maxRetryCount?: number | undefined;
  /**
   * Milliseconds until the server takes an event that was not acknowledged for lost, and delivers it again, perhaps to another
   * consumer. It must be longer than a handler takes with all its retries. Default: 30,000.
   */
  readonly messageTimeoutMs?: number | undefined;
  /** When the server stores how far the group is. */
  readonly checkpoint?:
    | {
        /** After so many milliseconds. Default: 2,000. */
        readonly afterMs?: number | undefined;
        /** But not before so many events. Default: 10. */
        readonly least?: number | undefined;
        /** And at the latest after so many. Default: 1,000. */
        readonly most?: number | undefined;
      }
    | undefined;
  /** Most consumers; one too many waits until it may. Default: any number. */
  readonly maxConsumers?: number | undefined;
}

/** A persistent subscription as the source of a processor, with nothing left open. */
export interface PersistentSubscriptionSource {
  readonly kind: 'persistent-subscription';
  readonly group: string;
  /** `undefined` for the whole log. */
  readonly stream: string | undefined;
  readonly filter: GroupFilter | undefined;
  readonly strategy: ConsumerStrategy;
  readonly startFrom: 'beginning' | 'end' | bigint;
  readonly bufferSize: number;
  readonly maxRetryCount: number;
  readonly messageTimeoutMs: number;
  readonly checkpoint: { readonly afterMs: number; readonly least: number; readonly most: number };
  /** 0 for any number. */
  readonly maxConsumers: number;
}

const strategies: readonly ConsumerStrategy[] = [
  'round-robin',
  'dispatch-to-single',
  'pinned',
  'pinned-by-correlation',
];

/**
 * A group of competing consumers that the server manages, as the `source` of a processor: every event goes to one of the
 * applications that run the processor, which acknowledges it when it is handled. For EventStoreDB.
 *
 * At least once: what was not acknowledged is delivered again after a lost connection, a crash or `messageTimeoutMs`. Events of one
 * key are handled in order as far as the server delivers them so: see {@link ConsumerStrategy}. One that fails is tried again as
 * the processor's `retry` says, then the server parks it; others go on. There is no position: `waitFor` is refused.
 *
 * @throws {ConfigurationError} an option that makes no sense
 *
 * @example
 * ```ts
 * @Processor({ name: 'mailer', source: persistentSubscription({ group: 'mailer', all: true, strategy: 'pinned' }) })
 * ```
 */
export const persistentSubscription = (
  options: PersistentSubscriptionOptions,
): PersistentSubscriptionSource => {
  const { group, stream, all = false, filter, strategy = 'round-robin', startFrom = 'beginning' } = options;
  const where = `persistentSubscription "${group}"`;
  const refuse = (what: string): never => {
    throw new ConfigurationError(`${where}: ${what}`);
  };
  const count = (option: string, value: number, least: number): number =>
    Number.isInteger(value) && value >= least && value < 2 ** 31
      ? value
      : refuse(`${option} must be a whole number from ${least}, not ${value}.`);
  if (typeof group !== 'string' || group === '' || group.length > 200 || group.includes('::')) {
    refuse('group must be a name of 1 to 200 characters, without "::".');
  }
  if ((stream === undefined) === !all) refuse('give either a stream or all: true.');
  if (stream === '') refuse('stream must not be empty.');
  if (filter !== undefined) checkFilter(filter, stream, refuse);
  if (!strategies.includes(strategy)) refuse(`strategy must be one of ${strategies.join(', ')}.`);
  if (typeof startFrom === 'bigint' ? startFrom < 0n : startFrom !== 'beginning' && startFrom !== 'end') {
    refuse("startFrom must be 'beginning', 'end', or a bigint from 0.");
  }
  const least = count('checkpoint.least', options.checkpoint?.least ?? 10, 0);
  const most = count('checkpoint.most', options.checkpoint?.most ?? 1_000, 1);
  if (least > most) refuse(`checkpoint.least is ${least}, more than checkpoint.most, ${most}.`);
  return {
    kind: 'persistent-subscription',
    group,
    stream,
    filter,
    strategy,
    startFrom,
    bufferSize: count('bufferSize', options.bufferSize ?? 32, 1),
    maxRetryCount: count('maxRetryCount', options.maxRetryCount ?? 10, 0),
    messageTimeoutMs: count('messageTimeoutMs', options.messageTimeoutMs ?? 30_000, 1),
    checkpoint: {
      afterMs: count('checkpoint.afterMs', options.checkpoint?.afterMs ?? 2_000, 1),
      least,
      most,
    },
    maxConsumers: count('maxConsumers', options.maxConsumers ?? 0, 0),
  };
};

const checkFilter = (
  { streamPrefixes, typePrefixes }: GroupFilter,
  stream: string | undefined,
  refuse: (what: string) => never,
): void => {
  if (stream !== undefined) refuse('a filter goes with all: true, not with a stream.');
  if ((streamPrefixes === undefined) === (typePrefixes === undefined)) {
    refuse('the server filters by streamPrefixes or by typePrefixes: give one of them.');
  }
  const prefixes = streamPrefixes ?? typePrefixes ?? [];
  if (prefixes.length === 0 || prefixes.some((prefix) => prefix === '' || prefix.startsWith('$'))) {
    refuse('a filter has at least one prefix, none of them empty or beginning with "$".');
  }
};
