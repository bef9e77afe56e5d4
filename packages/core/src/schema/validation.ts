import { types } from 'node:util';
import { getMetadataStorage, validateSync, type ValidationError as PropertyError } from 'class-validator';
import { ConfigurationError } from '../error.js';
import type { Class } from '../model/definition.js';
import { ValidationError, type Violation } from './errors.js';
import { constraintsOf } from './fields.js';

/** What validating objects of one class takes. Compiled once per class. */
interface Plan {
  readonly validated: boolean;
  /** Properties whose values are validated by their own classes. */
  readonly nested: readonly string[];
  /** First property with a constraint that answers with a promise. */
  readonly asyncProperty: string | undefined;
}

const plans = new WeakMap<Class, Plan>();

const planOf = (type: Class): Plan => {
  const known = plans.get(type);
  if (known !== undefined) return known;
  const constraints = constraintsOf(type);
  const plan: Plan = {
    validated: constraints.length > 0,
    nested: constraints.filter(({ type: kind }) => kind === 'nestedValidation').map((c) => c.propertyName),
    asyncProperty: constraints.find(
      ({ constraintCls }) =>
        constraintCls !== undefined &&
        getMetadataStorage()
          .getTargetValidatorConstraints(constraintCls)
          .some(({ async, instance }) => async || types.isAsyncFunction(Reflect.get(instance, 'validate'))),
    )?.propertyName,
  };
  plans.set(type, plan);
  return plan;
};

/**
 * Validates an object by the class-validator decorators of its class; a class without any costs one lookup.
 *
 * @param messageType the name to put into the error
 * @throws {ValidationError} with every violated constraint
 * @throws {ConfigurationError} a constraint is asynchronous: it would pass unseen
 */
export const validateMessage = (messageType: string, type: Class, message: object): void => {
  const plan = planOf(type);
  if (!plan.validated) return;
  const violations = [...refuseUncheckable(messageType, type, message)];
  collect(validateSync(message, options), '', message, violations);
  if (violations.length > 0) throw new ValidationError(messageType, violations);
};

const options = { forbidUnknownValues: false, validationError: { target: false, value: false } } as const;

/** How deep validated objects may hold each other: more is a mistake or an attack, and would exhaust the stack. */
const maxNesting = 100;

/**
 * Refuses what class-validator would let through unseen. It finds constraints by `object.constructor`, which received
 * data can spoof; it skips asynchronous ones; and plain objects in the place of instances have none.
 */
const refuseUncheckable = (messageType: string, type: Class, message: object): readonly Violation[] => {
  const violations: Violation[] = [];
  const visit = (current: Class, object: object, path: string, depth: number): void => {
    const { asyncProperty, nested } = planOf(current);
    if (asyncProperty !== undefined) {
      throw new ConfigurationError(
        `The property "${asyncProperty}" of ${current.name} has an asynchronous constraint. Messages are validated ` +
          'synchronously: check it in the handler instead.',
      );
    }
    if (depth > maxNesting) {
      const reason = `must not be nested more than ${maxNesting} levels deep, or refer back to itself`;
      throw new ValidationError(messageType, [{ path: path.slice(0, 80), constraints: { nesting: reason } }]);
    }
    if (Object.hasOwn(object, 'constructor')) {
      violations.push({
        path: join(path, 'constructor'),
        constraints: { reserved: 'constructor must not be a property' },
      });
    }
    for (const property of nested) {
      const value: unknown = Reflect.get(object, property);
      const items: readonly unknown[] = Array.isArray(value) ? value : [value];
      for (const [index, item] of items.entries()) {
        if (typeof item !== 'object' || item === null) continue;
        const itemPath = Array.isArray(value) ? `${join(path, property)}[${index}]` : join(path, property);
        const itemType = classOf(item);
        if (itemType === undefined || itemType === Object) {
          violations.push({ path: itemPath, constraints: { unknownValue: plainObject } });
        } else visit(itemType, item, itemPath, depth + 1);
      }
    }
  };
  visit(type, message, '', 0);
  return violations;
};

const plainObject =
  'is a plain object, so its constraints cannot be checked: make it an instance of its class; and for items of an ' +
  'array that is stored or received, add @ItemType(() => TheClass) to the property';

/** The class of an object by its prototype, which data cannot spoof. */
export const classOf = (value: object): Class | undefined => {
  const prototype: unknown = Object.getPrototypeOf(value);
  if (typeof prototype !== 'object' || prototype === null) return undefined;
  const type: unknown = prototype.constructor;
  return typeof type === 'function' ? (type as Class) : undefined;
};

const collect = (
  errors: readonly PropertyError[],
  path: string,
  parent: unknown,
  violations: Violation[],
): void => {
  for (const { property, constraints, children } of errors) {
    const inArray = Array.isArray(parent);
    const own = inArray ? `${path}[${property}]` : join(path, property);
    if (constraints !== undefined) violations.push({ path: own, constraints });
    if (children !== undefined && children.length > 0) {
      collect(
        children,
        own,
        typeof parent === 'object' && parent !== null ? Reflect.get(parent, property) : undefined,
        violations,
      );
    }
  }
};

const join = (path: string, property: string): string => (path === '' ? property : `${path}.${property}`);
