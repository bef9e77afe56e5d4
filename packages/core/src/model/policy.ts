import { ConfigurationError } from '../error.js';
import { MarkKind } from './class-marks.js';
import { definedAt } from './defined-at.js';
import type { Class } from './definition.js';
import type { MessageHandler } from './handled-messages.js';
import type { HandlerPolicy } from './handler-policy.js';

const policies = new MarkKind<HandlerPolicy>('@Policy');

/**
 * On a method with `@On`: what holds for this handler instead of what the class's own decorator says, key by key.
 *
 * @example
 * ```ts
 * @Policy({ priority: 'critical' })
 * @On(Escalated)
 * escalated(event: Escalated) {}
 * ```
 */
export const Policy = (policy: HandlerPolicy) => {
  const place = definedAt(Policy);
  return (target: object, method: string): void => {
    policies.add(target, method, policy, place);
  };
};

/**
 * What `@Policy` says of the handlers of a class, by the name of the method: for decorators that build definitions of their own.
 *
 * @param handlers the handlers of the class
 * @throws {ConfigurationError} `@Policy` stands on a method that handles nothing
 */
export const handlerPolicies = (
  type: Class,
  handlers: readonly MessageHandler[],
): ReadonlyMap<string, HandlerPolicy> =>
  new Map(
    policies.of(type).map(({ member, isStatic, options, definedAt: place }) => {
      if (isStatic || !handlers.some(({ method }) => method === member)) {
        throw new ConfigurationError(
          `@Policy on ${type.name}.${member} (${place}) is for a handler: add @On() to the method, or remove it.`,
        );
      }
      return [member, options];
    }),
  );
