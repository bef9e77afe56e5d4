import type { Backend } from '../backend/backend.js';
import type { Clock } from '../clock.js';
import type { RecordedEvent } from '../messages/event.js';
import type { HandlerPolicy } from '../model/handler-policy.js';
import type { ProcessorDefinition } from '../model/processor-definition.js';
import type { BreakerStatus } from './breaker.js';
import { checkPolicy } from './check-policy.js';
import type { Guards } from './guards.js';
import { HandlerGuard } from './handler-guard.js';
import { Parking, type DeadLetterTotals } from './parking.js';
import { SlowCalls, type SlowCall } from './slow-calls.js';

/** Milliseconds that a handler gets to heed its signal when its time is over. */
const HEED_MS = 5_000;

export interface ProcessorRecoveryParts {
  readonly definition: ProcessorDefinition;
  readonly backend: Backend;
  readonly clock: Clock;
  readonly guards: Guards;
  /** Milliseconds that a handler gets to heed its signal. Default: 5,000. */
  readonly heedMs?: number | undefined;
  /** Something that the status shows has changed. */
  readonly changed: () => void;
}

/** What recovery adds to the status of a processor. */
export interface RecoveryStatus {
  /** The circuit breakers of its handlers that are not closed. */
  readonly breakers: readonly BreakerStatus[];
  /** Calls that take conspicuously long, or were left behind. */
  readonly slow: readonly SlowCall[];
  /** Its dead letters, as far as is known in this process; another may have handled some since. */
  readonly deadLetters: DeadLetterTotals;
}

/** How a processor deals with failures: one for all of its runs and segments. */
export class ProcessorRecovery {
  readonly parking: Parking;
  readonly slow: SlowCalls;
  readonly #parts: ProcessorRecoveryParts;
  readonly #ownPolicy: HandlerPolicy;
  readonly #ownGuard: HandlerGuard;
  readonly #guards = new Map<HandlerPolicy, HandlerGuard>();

  /** @throws {ConfigurationError} a policy makes no sense, or cannot hold for this processor */
  constructor(parts: ProcessorRecoveryParts) {
    const { definition, backend, clock, changed } = parts;
    this.#parts = parts;
    this.slow = new SlowCalls(clock, changed);
    this.parking = new Parking({
      store: backend.deadLetters,
      processor: definition.name,
      clock,
      limits: definition.deadLetters ?? {},
      changed,
    });
    this.#ownPolicy = definition.policy ?? {};
    this.#ownGuard = this.#make(this.#ownPolicy, definition.name);
    for (const [handler, policy] of definition.policies ?? []) this.#find(policy, handler);
  }

  get status(): RecoveryStatus {
    const guards = [this.#ownGuard, ...this.#guards.values()];
    const breakers = new Set(guards.flatMap(({ breaker }) => breaker ?? []));
    return {
      breakers: [...breakers].filter(({ isClosed }) => !isClosed).map(({ status }) => status),
      slow: this.slow.list(),
      deadLetters: this.parking.totals,
    };
  }

  /** The guard of the handler of an event; without one, that of the definition as a whole. */
  of(event?: RecordedEvent): HandlerGuard {
    if (event === undefined) return this.#ownGuard;
    const policy = this.#parts.definition.policyOf?.(event) ?? this.#ownPolicy;
    return policy === this.#ownPolicy
      ? this.#ownGuard
      : (this.#guards.get(policy) ?? this.#find(policy, this.handlerOf(event)));
  }

  /** Name of the handler of an event, as it is kept with what failed. */
  handlerOf(event: RecordedEvent): string {
    return this.#parts.definition.handlerOf?.(event) ?? this.#parts.definition.name;
  }

  #find(policy: HandlerPolicy, handler: string): HandlerGuard {
    let guard = this.#guards.get(policy);
    if (guard === undefined) {
      guard = this.#make(policy, `${this.#parts.definition.name}.${handler}`);
      this.#guards.set(policy, guard);
    }
    return guard;
  }

  #make(policy: HandlerPolicy, name: string): HandlerGuard {
    const { definition, clock, guards, heedMs = HEED_MS, changed } = this.#parts;
    const subject = `${definition.role ?? 'processor'} "${name}" (${definition.definedAt})`;
    checkPolicy(definition, policy, subject);
    // What a method has from its class it shares with the others of the class.
    const own = (key: 'breaker' | 'bulkhead'): string =>
      policy[key] === this.#ownPolicy[key] ? definition.name : name;
    const breaker = policy.breaker && guards.breaker(policy.breaker, own('breaker'));
    breaker?.onChange(changed);
    return new HandlerGuard({
      policy,
      retry: definition.retry,
      breaker,
      bulkhead: policy.bulkhead && guards.bulkhead(policy.bulkhead, own('bulkhead')),
      clock,
      heedMs,
      slow: this.slow,
      subject,
    });
  }
}
