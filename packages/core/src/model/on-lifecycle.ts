import { ConfigurationError } from '../error.js';
import type { ServiceScope } from '../messages/context.js';
import type { ProcessorChange, ProcessorChangeKind } from '../observation/processor-change.js';
import { MarkKind } from './class-marks.js';
import { definedAt } from './defined-at.js';
import type { Class } from './definition.js';
import { callMethod } from './handled-messages.js';
import { tokenOf } from './handler-class.js';

const hooks = new MarkKind<readonly ProcessorChangeKind[]>('@OnLifecycle');

/**
 * On a method `(change)` of a class with `@Processor`: called when the processor has started, caught up, and so on. Nothing waits for it,
 * and what it throws is reported as a problem of the application and changes nothing else.
 *
 * @param kinds when to call it; at least one
 */
export const OnLifecycle = (...kinds: readonly ProcessorChangeKind[]) => {
  const place = definedAt(OnLifecycle);
  if (kinds.length === 0) {
    throw new ConfigurationError(
      `@OnLifecycle (${place}) must say when to call the method, e.g. @OnLifecycle('started').`,
    );
  }
  return (target: object, method: string): void => {
    hooks.add(target, method, kinds, place);
  };
};

/** What `@OnLifecycle` says on a class, as a part of its definition. */
export const lifecycleOf = (
  type: Class,
): { readonly onLifecycle?: (change: ProcessorChange, services: ServiceScope) => Promise<void> } => {
  const marks = hooks.of(type);
  const misplaced = marks.find(({ isStatic }) => isStatic);
  if (misplaced !== undefined) {
    throw new ConfigurationError(
      `@OnLifecycle on ${type.name}.${misplaced.member} (${misplaced.definedAt}) stands on a static method: remove "static".`,
    );
  }
  if (marks.length === 0) return {};
  const token = tokenOf(type);
  return {
    async onLifecycle(change, services) {
      const wanted = marks.filter(({ options }) => options.includes(change.kind));
      await Promise.all(wanted.map(async ({ member }) => callMethod(services.get(token), member, [change])));
    },
  };
};
