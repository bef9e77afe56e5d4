import { ConfigurationError } from '../error.js';
import { checkedExpression } from './pattern-syntax.js';
import { compileTextPattern } from './text-pattern.js';

/** What a value can be compared with. */
export type Scalar = string | number | boolean | null;
/** What values can be put in order with: numbers with numbers, text with text, times with times. */
export type Orderable = string | number | Date;

/** Comparisons with one value; all that are given must hold. */
export interface Comparison {
  readonly eq?: Scalar | undefined;
  /** Not equal; a value that is missing is not equal to any. */
  readonly ne?: Scalar | undefined;
  readonly in?: readonly Scalar[] | undefined;
  /** None of these; a value that is missing is none of them. */
  readonly notIn?: readonly Scalar[] | undefined;
  readonly gt?: Orderable | undefined;
  readonly gte?: Orderable | undefined;
  readonly lt?: Orderable | undefined;
  readonly lte?: Orderable | undefined;
  /** A text with wildcards: `*` stands for any characters, `\*` for the character itself. */
  readonly like?: string | undefined;
  /** A list with this among its items. */
  readonly includes?: Scalar | undefined;
  /** Whether there is a value at all; `null` is one. */
  readonly exists?: boolean | undefined;
}

/** What must be true of one value: equal to a scalar, one of a list, matching a regular expression, or comparisons. */
export type Condition = Scalar | readonly Scalar[] | RegExp | Comparison;

/** What must be true of an object, by the names of its values: all of it. */
export type Conditions = Readonly<Record<string, Condition>>;

/** Tells whether a value fulfils something. */
export type ValueTest = (value: unknown) => boolean;

/**
 * Compiles conditions.
 *
 * @param isDeep true if a dot in a name leads to a value within a value: `customer.tier`. Only own properties count
 * @param where what the conditions are of, for the error
 * @throws {ConfigurationError} an unknown comparison, or one with a value that nothing could be compared with
 */
export const compileConditions = (conditions: Conditions, isDeep: boolean, where: string): ValueTest => {
  if (!isRecord(conditions))
    throw new ConfigurationError(`${where} must be an object of conditions by name.`);
  const tests = Object.entries(conditions).map(([name, condition]) => {
    const path = isDeep ? name.split('.') : [name];
    const test = compileCondition(condition, `${where}.${name}`);
    return (root: unknown): boolean => test(valueAt(root, path));
  });
  return (root) => tests.every((test) => test(root));
};

/** Compiles what must be true of one value. */
const compileCondition = (condition: Condition, where: string): ValueTest => {
  if (condition instanceof RegExp) {
    const expression = checkedExpression(condition, where);
    return (value) => typeof value === 'string' && expression.test(value);
  }
  if (isList(condition)) return compileComparison('in', condition, where);
  if (typeof condition !== 'object' || condition === null) return compileComparison('eq', condition, where);
  const given = Object.entries(condition).filter(([, operand]) => operand !== undefined);
  if (given.length === 0 || !isRecord(condition)) {
    throw new ConfigurationError(
      `${where} is no condition: give a value, a list of values, a regular expression, or comparisons, e.g. { gte: 10 }.`,
    );
  }
  const tests = given.map(([name, operand]) => compileComparison(name, operand, where));
  return (value) => tests.every((test) => test(value));
};

const compileComparison = (name: string, operand: unknown, where: string): ValueTest => {
  const fail = (wanted: string): never => {
    throw new ConfigurationError(`${where}: "${name}" needs ${wanted}.`);
  };
  switch (name) {
    case 'eq':
    case 'ne': {
      const wanted = isScalar(operand) ? operand : fail(scalarWanted);
      return name === 'eq' ? (value) => value === wanted : (value) => value !== wanted;
    }
    case 'in':
    case 'notIn': {
      const wanted: ReadonlySet<unknown> =
        Array.isArray(operand) && operand.length > 0 && operand.every(isScalar)
          ? new Set(operand)
          : fail(`a list, not empty, of which each is ${scalarWanted}`);
      return name === 'in' ? (value) => wanted.has(value) : (value) => !wanted.has(value);
    }
    case 'gt':
    case 'gte':
    case 'lt':
    case 'lte': {
      const bound = isOrderable(operand) ? operand : fail('a number, a text or a Date');
      return (value) => isOrdered(name, value, bound);
    }
    case 'like': {
      const matches = compileTextPattern(typeof operand === 'string' ? operand : fail('a text'), where);
      return (value) => typeof value === 'string' && matches(value);
    }
    case 'includes': {
      const wanted = isScalar(operand) ? operand : fail(scalarWanted);
      return (value) => Array.isArray(value) && value.includes(wanted);
    }
    case 'exists': {
      const wanted = typeof operand === 'boolean' ? operand : fail('true or false');
      return (value) => (value !== undefined) === wanted;
    }
    default:
      throw new ConfigurationError(
        `${where} has the comparison "${name}", which there is not. There are: eq, ne, in, notIn, gt, gte, lt, lte, like, includes, exists.`,
      );
  }
};

const scalarWanted = 'a text, a finite number, true, false or null';

const isOrdered = (comparison: 'gt' | 'gte' | 'lt' | 'lte', value: unknown, bound: Orderable): boolean => {
  const left = value instanceof Date ? value.getTime() : value;
  const right = bound instanceof Date ? bound.getTime() : bound;
  if (value instanceof Date !== bound instanceof Date) return false;
  if (typeof left === 'number' && typeof right === 'number') return compare(comparison, left, right);
  return typeof left === 'string' && typeof right === 'string' && compare(comparison, left, right);
};

const compare = <Value extends number | string>(
  comparison: 'gt' | 'gte' | 'lt' | 'lte',
  left: Value,
  right: Value,
): boolean => {
  switch (comparison) {
    case 'gt':
      return left > right;
    case 'gte':
      return left >= right;
    case 'lt':
      return left < right;
    case 'lte':
      return left <= right;
    default:
      return comparison satisfies never;
  }
};

const valueAt = (root: unknown, path: readonly string[]): unknown => {
  let value = root;
  for (const name of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name)) return undefined;
    value = Reflect.get(value, name);
  }
  return value;
};

const isList = (value: Condition): value is readonly Scalar[] => Array.isArray(value);

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Date);

const isScalar = (value: unknown): value is Scalar =>
  value === null ||
  typeof value === 'string' ||
  typeof value === 'boolean' ||
  (typeof value === 'number' && Number.isFinite(value));

const isOrderable = (value: unknown): value is Orderable =>
  typeof value === 'string' ||
  (typeof value === 'number' && Number.isFinite(value)) ||
  (value instanceof Date && !Number.isNaN(value.getTime()));
