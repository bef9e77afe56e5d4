import { ConfigurationError } from '../error.js';
import { buildersOf } from './attached.js';
import { isClass } from './class-marks.js';
import { commandHandlerDefinitions } from './command-handler.js';
import type { Class, Definition } from './definition.js';
import { upcastersOn } from './upcaster.js';

const known = new WeakMap<Class, readonly Definition[]>();

/**
 * What decorators describe on a class, as definitions; a definition stands for itself. The same class gives the same
 * definitions each time.
 *
 * @throws {ConfigurationError} the class has no decorator that describes anything, or its decorators contradict it
 * @throws {MissingTypeError} the message of a handler cannot be told
 */
export const definitionsOf = (target: Class | Definition): readonly Definition[] => {
  if (!isClass(target)) return [target];
  const before = known.get(target);
  if (before !== undefined) return before;
  const definitions = describe(target);
  if (definitions.length === 0) {
    throw new ConfigurationError(
      `Class ${target.name} describes nothing: add @Aggregate, @Processor, @Event, @Command or the like to it; or, if it ` +
        'should only be injected, bind it in the container instead of registering it.',
    );
  }
  known.set(target, definitions);
  return definitions;
};

const describe = (type: Class): readonly Definition[] => {
  const attached = buildersOf(type).map((build) => build(type));
  const isEvent = attached.some(({ kind }) => kind === 'event');
  const isAggregate = attached.some(({ kind }) => kind === 'aggregate');
  return [
    ...attached,
    ...(isAggregate ? [] : commandHandlerDefinitions(type)),
    // An event's own upcasters are part of its definition.
    ...(isEvent ? [] : upcastersOn(type)),
  ];
};
