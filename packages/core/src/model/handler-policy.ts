import type { RecordedEvent } from '../messages/event.js';
import type { ErrorKind, ErrorRule } from './error-rules.js';
import type { RetryPolicy } from './processor-definition.js';

/** In which lane the events of a handler wait for their turn, the most urgent first. */
export const priorities = ['critical', 'high', 'normal', 'low'] as const;

/**
 * How urgent an event is. The more urgent get more turns, and even `low` gets some; events of one key stay in order whatever
 * their priorities.
 */
export type Priority = (typeof priorities)[number];

/** What is done with an event whose tries are used up. */
export const failureActions = ['stop', 'park', 'skip', 'compensate'] as const;

/**
 * What is done with an event whose tries are used up:
 * - `stop`: the processor fails, and stands before the event until it is started again
 * - `park`: the event becomes a dead letter, and so do later ones of its key, in order; other keys go on
 * - `skip`: it is counted and reported, and left out
 * - `compensate`: the method with `@Compensate` is called with it; if that fails, the processor fails
 */
export type FailureAction = (typeof failureActions)[number];

/** When a circuit breaker opens, and when it is tried whether it may close again. */
export interface BreakerOptions {
  /**
   * Handlers that name the same breaker, in whatever processors of the application, share it: they depend on the same thing. The
   * options stand at one of them, or are the same at all. Default: one of the handler's own.
   */
  readonly name?: string | undefined;
  /** Transient failures and timeouts in a row that open it. Should be more than the tries of one event. Default: 10. */
  readonly failures?: number | undefined;
  /** Milliseconds from opening to the first probe; doubles from probe to probe. Default: 5,000. */
  readonly probeAfterMs?: number | undefined;
  /** Most milliseconds between two probes. Default: 60,000. */
  readonly maxProbeAfterMs?: number | undefined;
}

/** How many calls may be under way at once. */
export interface BulkheadOptions {
  /** Handlers that name the same bulkhead share it, as with breakers. Default: one of the handler's own. */
  readonly name?: string | undefined;
  /** Most calls under way in this process. */
  readonly concurrency: number;
}

/** What a handler's tries are like, and what becomes of those that fail. */
export interface RecoveryPolicy {
  /** How often, and after what waits, a failed try is repeated. Default: 5 tries, from 100 ms to 30 s apart. */
  readonly retry?: RetryPolicy | undefined;
  /**
   * The same for single classes of errors, each counted by itself, on top of `retry`. Default: 1 try for `permanent`, 20 for
   * `rate-limited`. `poison` is never tried twice.
   */
  readonly retryBy?: Readonly<Partial<Record<Exclude<ErrorKind, 'poison'>, RetryPolicy>>> | undefined;
  /**
   * What errors say, the first rule that knows counts. Default, and for what no rule knows: invalid and unreadable events are
   * `poison`; wrong composition and what nothing handles are `permanent`; everything else is `transient`. That the backend is away
   * is neither: it is waited for, and no try is counted.
   */
  readonly errors?: readonly ErrorRule[] | undefined;
  /**
   * Milliseconds that one try may take. Then the context's signal is aborted and the try has failed. A handler that does not heed
   * its signal within 5 seconds is left behind: the try counts as failed all the same, what it still does counts for nothing, and
   * the health shows it until it ends. Default: none; one that takes longer than a minute is shown by the health.
   */
  readonly timeoutMs?: number | undefined;
  /** What is done when the tries are used up. Default: `stop`; on a persistent subscription, the server parks the event. */
  readonly onFailure?: FailureAction | undefined;
  /** A circuit breaker: while what the handler depends on is away, its events wait, and no try is counted. Default: none. */
  readonly breaker?: BreakerOptions | undefined;
  /** A bulkhead: so that it does not take all there is of something. Default: none. */
  readonly bulkhead?: BulkheadOptions | undefined;
}

/**
 * What may be said of a handler beside what it does. `@Processor` says it of all handlers of a class, `@Policy` of a single
 * method, key by key.
 */
export interface HandlerPolicy extends RecoveryPolicy {
  /**
   * How urgent its events are, once and for all or for each event. It is asked once for each event, when the event is taken in;
   * if it throws, the processor fails at that event. Default: `normal`. A route that gives events a priority of its own wins.
   */
  readonly priority?: Priority | ((event: RecordedEvent) => Priority) | undefined;
}

/** Every key of a policy: one that is missing here does not compile. */
const policyKeys: Readonly<Record<keyof HandlerPolicy, true>> = {
  priority: true,
  retry: true,
  retryBy: true,
  errors: true,
  timeoutMs: true,
  onFailure: true,
  breaker: true,
  bulkhead: true,
};

/** The policy among other options: its keys alone, those that are given. */
export const policyIn = (options: HandlerPolicy): HandlerPolicy =>
  Object.fromEntries(
    Object.entries(options).filter(([key, value]) => Object.hasOwn(policyKeys, key) && value !== undefined),
  );

/** A policy on top of another: what the upper one says counts, and what it leaves open is as below. */
export const mergePolicies = (lower: HandlerPolicy, upper: HandlerPolicy | undefined): HandlerPolicy =>
  upper === undefined ? lower : { ...lower, ...policyIn(upper) };
