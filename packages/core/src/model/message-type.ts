import { ConfigurationError } from '../error.js';
import { isClass, type Mark } from './class-marks.js';
import type { Class } from './definition.js';

/** A handler's message class could not be found from its parameter type. */
export class MissingTypeError extends ConfigurationError {
  /**
   * @param className the class of the handler
   * @param method the handler
   * @param parameter index of the parameter whose type is missing, from 0
   * @param parameterName its name, where it can be read
   */
  constructor(
    decorator: string,
    readonly className: string,
    readonly method: string,
    readonly parameter: number,
    readonly parameterName: string | undefined,
    readonly definedAt: string,
    reason: string,
  ) {
    super(
      `${decorator}() on ${className}.${method} (${definedAt}) cannot tell its message from parameter ${parameter}` +
        `${parameterName === undefined ? '' : ` ("${parameterName}")`}: ${reason}. Name the class, ${decorator}(TheClass); or, if ` +
        'it is imported by `import type`, import it by `import`; and have the compiler emit parameter types: ' +
        '"experimentalDecorators" and "emitDecoratorMetadata" for tsc, "legacyDecorator" and "decoratorMetadata" for swc ' +
        '(esbuild and tsx cannot).',
    );
  }
}

/**
 * The class that a handler takes as its first parameter, by the type that the compiler emitted.
 *
 * @throws {MissingTypeError} when there is none to be seen at run time
 */
export const parameterClass = (type: Class, decorator: string, { member, definedAt }: Mark): Class => {
  const fail = (reason: string): never => {
    throw new MissingTypeError(
      decorator,
      type.name,
      member,
      0,
      parameterName(type, member, 0),
      definedAt,
      reason,
    );
  };
  const types: unknown = Reflect.getMetadata('design:paramtypes', type.prototype, member);
  if (!Array.isArray(types)) return fail('the compiler emitted no parameter types');
  if (types.length === 0) return fail('the method takes none');
  const first: unknown = types[0];
  if (!isClass(first) || builtIns.has(first)) {
    return fail(
      'its type is no class at run time: an interface, a union, a type imported by `import type`, or a class of a module ' +
        'that imports this one back and is not loaded yet',
    );
  }
  return first;
};

const builtIns: ReadonlySet<unknown> = new Set([
  Object,
  Array,
  String,
  Number,
  Boolean,
  Function,
  Promise,
  Date,
  Map,
  Set,
  BigInt,
  Symbol,
]);

/** Best effort, from the method's source text: only for the message. */
const parameterName = (type: Class, member: string, index: number): string | undefined => {
  const method: unknown = Reflect.get(type.prototype, member);
  if (typeof method !== 'function') return undefined;
  const parameters = /^[^(]*\(([^)]*)\)/.exec(Function.prototype.toString.call(method))?.[1];
  return parameters?.split(',')[index]?.match(/^\s*([\p{ID_Start}$_][\p{ID_Continue}$]*)/u)?.[1];
};
