import 'reflect-metadata';
import type { Class } from './definition.js';

/**
 * What a decorator on a method or property noted on its class. Decorators of members run before those of their
 * class, so they only note; definitions are built when the class is registered.
 */
export interface Mark<Options = unknown> {
  /** Name of the method or property. */
  readonly member: string;
  /** True on a static one. */
  readonly isStatic: boolean;
  readonly options: Options;
  /** Where the decorator stands, as `file:line:column`. */
  readonly definedAt: string;
}

/** One kind of mark, e.g. those of `@Apply`. Made once by the module that has the decorator; the key to read them again. */
export class MarkKind<Options> {
  readonly #marks = new WeakMap<Class, Mark<Options>[]>();

  /** @param decorator as in the source, for messages: `@Apply` */
  constructor(readonly decorator: string) {}

  /**
   * Notes a mark. To be called by a member decorator with what it is called with.
   *
   * @param target the prototype of the class, or the class itself for a static member
   */
  add(target: object, member: string | symbol, options: Options, definedAt: string): void {
    const isStatic = typeof target === 'function';
    const owner = (isStatic ? target : target.constructor) as Class;
    const marks = this.#marks.get(owner) ?? [];
    marks.push({ member: String(member), isStatic, options, definedAt });
    this.#marks.set(owner, marks);
  }

  /** Marks of the class itself, without those that it inherits. */
  ownOf(type: Class): readonly Mark<Options>[] {
    return this.#marks.get(type) ?? [];
  }

  /**
   * Marks of the class and of those that it extends, base classes first. A member marked again in a subclass counts
   * once, as the subclass marks it.
   */
  of(type: Class): readonly Mark<Options>[] {
    const marks = new Map<string, Mark<Options>>();
    for (const owner of lineage(type)) {
      for (const mark of this.ownOf(owner)) marks.set(`${mark.isStatic} ${mark.member}`, mark);
    }
    return [...marks.values()];
  }
}

/** The class and those that it extends, base classes first. */
const lineage = (type: Class): readonly Class[] => {
  const classes: Class[] = [];
  for (let current: unknown = type; isClass(current); current = Object.getPrototypeOf(current))
    classes.unshift(current);
  return classes;
};

/** True for functions that can be constructed; `Function.prototype`, where a class's ancestry ends, cannot. */
export const isClass = (value: unknown): value is Class =>
  typeof value === 'function' && typeof value.prototype === 'object' && value.prototype !== null;
