import { ConfigurationError } from '../error.js';
import { priorities, type HandlerPolicy } from '../model/handler-policy.js';
import type { ProcessorDefinition } from '../model/processor-definition.js';
import type { RoutedEvent } from '../routing/routed-event.js';
import { rankOf, type Rank } from './lane-turns.js';

type RankedDefinition = Pick<ProcessorDefinition, 'policy' | 'policyOf' | 'name' | 'definedAt' | 'role'>;

/** Finds out how urgent the events of a processor are: by the route that sent them, else by their handler, else normal. */
export class EventRanks {
  readonly #definition: RankedDefinition;
  readonly #constant: Rank | undefined;

  /** @throws {ConfigurationError} a priority that is none */
  constructor(definition: RankedDefinition) {
    this.#definition = definition;
    const { policy, policyOf } = definition;
    const rank = typeof policy?.priority === 'function' ? undefined : this.#checked(policy?.priority);
    this.#constant = policyOf === undefined ? rank : undefined;
  }

  /** True if some of the events may be more urgent than others, so that it pays to look at all before the first is handled. */
  differ(events: readonly RoutedEvent[]): boolean {
    return (
      this.#constant === undefined ||
      events.some(({ routing }) => routing !== undefined && hasPriority(routing))
    );
  }

  /**
   * @throws {ConfigurationError} a priority that is none
   * @throws what the user's function throws
   */
  of(event: RoutedEvent): Rank {
    const { routing } = event;
    if (routing !== undefined && hasPriority(routing)) return this.#checked(routing.priority);
    if (this.#constant !== undefined) return this.#constant;
    const { priority } = this.#policyOf(event);
    return this.#checked(typeof priority === 'function' ? priority(event) : priority);
  }

  #policyOf(event: RoutedEvent): HandlerPolicy {
    return this.#definition.policyOf?.(event) ?? this.#definition.policy ?? {};
  }

  #checked(priority: unknown): Rank {
    const rank = rankOf(priority ?? 'normal');
    if (rank !== undefined) return rank;
    const { role = 'processor', name, definedAt } = this.#definition;
    throw new ConfigurationError(
      `${role} "${name}" (${definedAt}) has the priority ${JSON.stringify(priority)}: it must be one of ${priorities.join(', ')}.`,
    );
  }
}

const hasPriority = ({ priority }: NonNullable<RoutedEvent['routing']>): boolean => priority !== undefined;
