import type { Class, Definition } from './definition.js';

/** Builds a definition of a decorated class. Runs when the class is registered, after all of its decorators. */
export type DefinitionBuilder = (type: Class) => Definition;

const builders = new WeakMap<Class, DefinitionBuilder[]>();

/**
 * Notes that a class describes a definition: what a class decorator of any package does. Subclasses do not inherit it,
 * for names are unique; they inherit handlers.
 *
 * @param type the decorated class
 * @param build makes the definition, once
 */
export const attachDefinition = (type: Class, build: DefinitionBuilder): void => {
  const own = builders.get(type) ?? [];
  // Decorators run from the last to the first: keep the order in which they are read.
  own.unshift(build);
  builders.set(type, own);
};

/** The builders attached to the class itself. */
export const buildersOf = (type: Class): readonly DefinitionBuilder[] => builders.get(type) ?? [];
