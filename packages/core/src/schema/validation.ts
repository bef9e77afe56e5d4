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
          .some(({ async, instance }) => async || types.isAsyncFunction(instance.validate)),
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
  const violations: Violation[] = [];
  refuseUncheckable(type, plan, message, '', violations);
  collect(validateSync(message, options), '', message, violations);
  if (violations.length > 0) throw new ValidationError(messageType, violations);
};

const options = { forbidUnknownValues: false, validationError: { target: false, value: false } } as const;

/**
 * class-validator finds the constraints by `object.constructor` and skips asynchronous ones: an own property of that
 * name, or such a constraint, would let anything through.
 */
const refuseUncheckable = (
  type: Class,
  plan: Plan,
  message: object,
  path: string,
  violations: Violation[],
): void => {
  if (plan.asyncProperty !== undefined) {
    throw new ConfigurationError(
      `The property "${plan.asyncProperty}" of ${type.name} has an asynchronous constraint. Messages are validated ` +
        'synchronously: check it in the handler instead.',
    );
  }
  if (Object.hasOwn(message, 'constructor')) {
    violations.push({
      path: join(path, 'constructor'),
      constraints: { reserved: 'constructor must not be a property' },
    });
  }
  for (const property of plan.nested) {
    const value: unknown = Reflect.get(message, property);
    const items: readonly unknown[] = Array.isArray(value) ? value : [value];
    for (const [index, item] of items.entries()) {
      if (typeof item !== 'object' || item === null) continue;
      const itemType = classOf(item);
      if (itemType === undefined) continue;
      const itemPath = Array.isArray(value) ? `${join(path, property)}[${index}]` : join(path, property);
      refuseUncheckable(itemType, planOf(itemType), item, itemPath, violations);
    }
  }
};

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
