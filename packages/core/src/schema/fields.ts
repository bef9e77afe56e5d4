import 'reflect-metadata';
import { getMetadataStorage } from 'class-validator';
import type { Class } from '../model/definition.js';

const itemTypes = new WeakMap<object, Map<string, () => Class>>();

/**
 * Says of which class the items of an array are, since the compiler emits only `Array`: stored items are then
 * rebuilt as that class, and validated by its constraints together with `@ValidateNested({ each: true })`.
 *
 * @param type a function that gives the class, so that classes may refer to each other
 */
export const ItemType =
  (type: () => Class) =>
  (target: object, property: string): void => {
    const own = itemTypes.get(target) ?? new Map<string, () => Class>();
    own.set(property, type);
    itemTypes.set(target, own);
  };

/** How one property of a class is rebuilt from JSON. */
export type Field =
  | { readonly property: string; readonly kind: 'date' }
  | { readonly property: string; readonly kind: 'object' | 'items'; readonly type: Class };

/** The class's properties that JSON does not give back by itself: dates, and objects of classes with decorators. */
export const fieldsOf = (type: Class): readonly Field[] => {
  const fields: Field[] = [];
  for (const property of decoratedProperties(type)) {
    const itemType = itemTypeOf(type, property);
    const design: unknown = Reflect.getMetadata('design:type', type.prototype, property);
    if (itemType !== undefined) fields.push({ property, kind: 'items', type: itemType() });
    else if (design === Date) fields.push({ property, kind: 'date' });
    else if (isClass(design) && decoratedProperties(design).size > 0) {
      fields.push({ property, kind: 'object', type: design });
    }
  }
  return fields;
};

/** The class-validator metadata of a class, inherited ones included. */
export const constraintsOf = (type: Class) =>
  getMetadataStorage().getTargetValidationMetadatas(type, '', false, false);

const decoratedProperties = (type: Class): ReadonlySet<string> => {
  const properties = new Set(constraintsOf(type).map(({ propertyName }) => propertyName));
  for (const prototype of prototypesOf(type)) {
    for (const property of itemTypes.get(prototype)?.keys() ?? []) properties.add(property);
  }
  return properties;
};

const itemTypeOf = (type: Class, property: string): (() => Class) | undefined => {
  for (const prototype of prototypesOf(type)) {
    const found = itemTypes.get(prototype)?.get(property);
    if (found !== undefined) return found;
  }
  return undefined;
};

const prototypesOf = (type: Class): readonly object[] => {
  const prototypes: object[] = [];
  let prototype: unknown = type.prototype;
  while (typeof prototype === 'object' && prototype !== null && prototype !== Object.prototype) {
    prototypes.push(prototype);
    prototype = Object.getPrototypeOf(prototype);
  }
  return prototypes;
};

const isClass = (value: unknown): value is Class =>
  typeof value === 'function' &&
  ![Object, Array, String, Number, Boolean, Function, Promise].some((b) => b === value);
