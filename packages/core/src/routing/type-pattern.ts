import { ConfigurationError } from '../error.js';
import { definedAt } from '../model/defined-at.js';
import { compileNamePattern } from './name-pattern.js';
import { checkedExpression } from './pattern-syntax.js';
import type { TextMatcher } from './text-pattern.js';

/** A set of event types, given by patterns over their names. Made by {@link matching}. */
export class TypePattern {
  readonly #matchers: readonly TextMatcher[];

  constructor(
    readonly alternatives: readonly (string | RegExp)[],
    place: string,
  ) {
    if (alternatives.length === 0) {
      throw new ConfigurationError(`matching() at ${place} needs a pattern, such as "agent.*.completed".`);
    }
    this.#matchers = alternatives.map((alternative) => {
      const where = `The pattern at ${place}`;
      if (!(alternative instanceof RegExp)) return compileNamePattern(alternative, where);
      const expression = checkedExpression(alternative, where);
      return (type: string) => expression.test(type);
    });
  }

  /** True if the type is one of the set. */
  matches(type: string): boolean {
    return this.#matchers.some((matches) => matches(type));
  }

  /** The patterns as they were given. */
  toString(): string {
    return this.alternatives.map(String).join(' or ');
  }
}

/**
 * Event types by pattern, for `@On` and subscriptions: `@On(matching('agent.*.completed'))`.
 *
 * Names have segments, separated by dots. `*` stands for one segment, or for any characters within one; `**`, as a segment,
 * for any number of them, none as well. A regular expression is taken as it is: mind that the slowness of one with nested
 * repetitions is your own.
 *
 * @param alternatives one of them must match
 * @throws {ConfigurationError} one is no valid pattern
 */
export const matching = (...alternatives: readonly (string | RegExp)[]): TypePattern =>
  new TypePattern(alternatives, definedAt(matching));
