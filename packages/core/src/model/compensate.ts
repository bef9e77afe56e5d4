import { ConfigurationError } from '../error.js';
import { MarkKind } from './class-marks.js';
import { definedAt } from './defined-at.js';
import type { Class } from './definition.js';
import { callMethod } from './handled-messages.js';
import { tokenOf } from './handler-class.js';
import type { HandlerPolicy } from './handler-policy.js';
import type { ProcessorDefinition } from './processor-definition.js';

const compensations = new MarkKind<readonly string[]>('@Compensate');

/**
 * On a method `(event, error, context)` of a class with `@Processor`: it undoes, or makes good for, an event whose tries are used up,
 * where the policy of its handler says `onFailure: 'compensate'`. It is called at least once, and tried again as the handler is; if it
 * cannot do it, the processor fails.
 *
 * @param handlers names of the methods whose events it is for. Default: all that no other `@Compensate` names
 *
 * @example
 * ```ts
 * @Policy({ onFailure: 'compensate' })
 * @On() async charge(order: OrderPlaced) {}
 *
 * @Compensate('charge') async giveUp(order: OrderPlaced, error: Error, { event }: HandlerContext) {}
 * ```
 */
export const Compensate = (...handlers: readonly string[]) => {
  const place = definedAt(Compensate);
  return (target: object, method: string): void => {
    compensations.add(target, method, handlers, place);
  };
};

/**
 * What `@Compensate` says on a class, as a part of its definition.
 *
 * @param policies the policy of each handler
 * @throws {ConfigurationError} a handler is to be compensated and nothing does, one that is named is none, or two do for the same
 */
export const compensationOf = (
  type: Class,
  policies: ReadonlyMap<string, HandlerPolicy>,
  handlerOf: (eventType: string) => string | undefined,
): Pick<ProcessorDefinition, 'compensate'> => {
  const marks = compensations.of(type);
  const methods = new Map<string | undefined, string>();
  for (const { member, isStatic, options, definedAt: place } of marks) {
    const where = `@Compensate on ${type.name}.${member} (${place})`;
    if (isStatic) throw new ConfigurationError(`${where} stands on a static method: remove "static".`);
    const stray = options.find((handler) => !policies.has(handler));
    if (stray !== undefined) {
      throw new ConfigurationError(`${where} names "${stray}", which is no method with @On or @OnBatch.`);
    }
    for (const handler of options.length === 0 ? [undefined] : options) {
      const other = methods.get(handler);
      if (other !== undefined) {
        throw new ConfigurationError(
          `${where} and that on ${other} are for the same events: name the handlers of each.`,
        );
      }
      methods.set(handler, member);
    }
  }
  const methodOf = (handler: string | undefined): string | undefined =>
    methods.get(handler) ?? methods.get(undefined);
  for (const [handler, { onFailure }] of policies) {
    if (onFailure !== 'compensate' || methodOf(handler) !== undefined) continue;
    throw new ConfigurationError(
      `${type.name}.${handler} has onFailure 'compensate' and nothing that does: add a method with @Compensate('${handler}').`,
    );
  }
  if (marks.length === 0) return {};
  const token = tokenOf(type);
  return {
    compensate(event, error, context) {
      const method = methodOf(handlerOf(event.type));
      if (method === undefined) throw error;
      return callMethod(context.services.get(token), method, [event.data, error, context]);
    },
  };
};
