import type { Class } from '../model/definition.js';
import { maxDepth } from './json-check.js';
import { fieldsOf, type Field } from './fields.js';

/** Rebuilds objects of one class from plain data. Compiled once per class. */
interface Plan {
  readonly prototype: object;
  readonly fields: readonly Field[];
}

const plans = new WeakMap<Class, Plan>();

const planOf = (type: Class): Plan => {
  const known = plans.get(type);
  if (known !== undefined) return known;
  const prototype: object = type.prototype;
  const plan = { prototype, fields: fieldsOf(type) };
  plans.set(type, plan);
  return plan;
};

/**
 * An object of the class with the data's own properties. No constructor, setter or other code of the class runs.
 * Data that is no object, or is of the class already, is given back as it is.
 */
export const revive = (type: Class, data: unknown): unknown => reviveAt(type, data, 0);

const reviveAt = (type: Class, data: unknown, depth: number): unknown => {
  // Received data may be deeper than the stack: below what a codec writes it stays plain, and validation refuses it.
  if (!isRecord(data) || data instanceof type || depth > maxDepth) return data;
  const { prototype, fields } = planOf(type);
  const instance: Record<string, unknown> = Object.create(prototype);
  copyProperties(data, instance);
  reviveFields(instance, fields, depth);
  return instance;
};

/** Sets the data's own properties on an object of the class that exists already, rebuilt as {@link revive} does. */
export const assignRevived = (type: Class, instance: object, data: unknown): void => {
  if (!isRecord(data)) return;
  const revived: Record<string, unknown> = {};
  copyProperties(data, revived);
  reviveFields(revived, planOf(type).fields, 0);
  copyProperties(revived, instance);
};

const copyProperties = (from: Readonly<Record<string, unknown>>, to: object): void => {
  const target: Record<string, unknown> = to as Record<string, unknown>;
  for (const key of Object.keys(from)) {
    // What the prototypes know by this name might be a setter (`__proto__` is one): define, never assign.
    if (key in target) define(target, key, from[key]);
    else target[key] = from[key];
  }
};

const define = (target: object, key: string, value: unknown): void => {
  Object.defineProperty(target, key, { value, writable: true, enumerable: true, configurable: true });
};

const reviveFields = (instance: Record<string, unknown>, fields: readonly Field[], depth: number): void => {
  for (const field of fields) {
    if (!Object.hasOwn(instance, field.property)) continue;
    const value = instance[field.property];
    define(instance, field.property, reviveField(field, value, depth + 1));
  }
};

const reviveField = (field: Field, value: unknown, depth: number): unknown => {
  switch (field.kind) {
    case 'date':
      return typeof value === 'string' && isoDate.test(value) ? toDate(value) : value;
    case 'object':
      return reviveAt(field.type, value, depth);
    case 'items':
      return Array.isArray(value) ? value.map((item: unknown) => reviveAt(field.type, item, depth)) : value;
    default:
      return field satisfies never;
  }
};

/** What `Date.prototype.toJSON` writes, and the ISO 8601 forms near it. Anything else stays text, for validation to refuse. */
const isoDate = /^(?:\d{4}|[+-]\d{6})-\d\d-\d\d(?:T\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:\d\d))?$/;

const toDate = (text: string): Date | string => {
  const date = new Date(text);
  return Number.isNaN(date.getTime()) ? text : date;
};

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
