import type { RecordedEvent } from '../messages/event.js';

/** In which lane the events of a handler wait for their turn, the most urgent first. */
export const priorities = ['critical', 'high', 'normal', 'low'] as const;

/**
 * How urgent an event is. The more urgent get more turns, and even `low` gets some; events of one key stay in order whatever
 * their priorities.
 */
export type Priority = (typeof priorities)[number];

/**
 * What may be said of a handler beside what it does. `@Processor` says it of all handlers of a class, `@Policy` of a single
 * method, key by key.
 */
export interface HandlerPolicy {
  /**
   * How urgent its events are, once and for all or for each event. It is asked once for each event, when the event is taken in;
   * if it throws, the processor fails at that event. Default: `normal`. A route that gives events a priority of its own wins.
   */
  readonly priority?: Priority | ((event: RecordedEvent) => Priority) | undefined;
}

/** Every key of a policy: one that is missing here does not compile. */
const policyKeys: Readonly<Record<keyof HandlerPolicy, true>> = { priority: true };

/** The policy among other options: its keys alone, those that are given. */
export const policyIn = (options: HandlerPolicy): HandlerPolicy =>
  Object.fromEntries(
    Object.entries(options).filter(([key, value]) => Object.hasOwn(policyKeys, key) && value !== undefined),
  );

/** A policy on top of another: what the upper one says counts, and what it leaves open is as below. */
export const mergePolicies = (lower: HandlerPolicy, upper: HandlerPolicy | undefined): HandlerPolicy =>
  upper === undefined ? lower : { ...lower, ...policyIn(upper) };
