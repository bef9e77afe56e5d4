import { SagaStateError } from '../errors.js';

/**
 * The recorded fields of a saga, each as JSON text: compared as text to see what a handler changed, and parsed for
 * each transition, so that nothing a handler holds on to is shared with what was recorded.
 */
export type StateFields = Map<string, string>;

/** What a transition changed in the state, as its head event records it. */
export interface StatePatch {
  /** New values by field. */
  readonly set?: Readonly<Record<string, unknown>> | undefined;
  /** Fields that are gone. */
  readonly removed?: readonly string[] | undefined;
}

/** Takes a recorded change into account. Changes the given fields. */
export const applyPatch = (fields: StateFields, patch: StatePatch): void => {
  for (const [field, value] of Object.entries(patch.set ?? {})) fields.set(field, JSON.stringify(value));
  for (const field of patch.removed ?? []) fields.delete(field);
};

/**
 * A state object with the recorded fields on top of its initial ones: fields that the saga's code has gained since
 * start with their initial values.
 */
export const hydrate = (initial: object, fields: StateFields): object => {
  for (const [field, text] of fields) {
    Object.defineProperty(initial, field, {
      value: JSON.parse(text),
      writable: true,
      enumerable: true,
      configurable: true,
    });
  }
  return initial;
};

/** What differs between the recorded fields and the state object now, or `undefined` if nothing does. */
export const difference = (saga: string, fields: StateFields, state: object): StatePatch | undefined => {
  const set: [string, unknown][] = [];
  const seen = new Set<string>();
  for (const [field, value] of Object.entries(state)) {
    if (value === undefined) continue;
    seen.add(field);
    requireJson(saga, value, field, []);
    const text = JSON.stringify(value);
    if (fields.get(field) !== text) set.push([field, JSON.parse(text)]);
  }
  const removed = [...fields.keys()].filter((field) => !seen.has(field));
  if (set.length === 0 && removed.length === 0) return undefined;
  return {
    set: set.length === 0 ? undefined : Object.fromEntries(set),
    removed: removed.length === 0 ? undefined : removed,
  };
};

const requireJson = (saga: string, value: unknown, path: string, parents: readonly object[]): void => {
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return;
    case 'number':
      if (Number.isFinite(value)) return;
      throw new SagaStateError(saga, path, `is ${value}`);
    case 'object':
      if (value === null) return;
      return requireJsonObject(saga, value, path, parents);
    case 'undefined':
    case 'bigint':
    case 'function':
    case 'symbol':
      throw new SagaStateError(
        saga,
        path,
        `is ${typeof value === 'undefined' ? 'undefined' : `a ${typeof value}`}`,
      );
  }
};

const requireJsonObject = (saga: string, value: object, path: string, parents: readonly object[]): void => {
  if (parents.includes(value)) throw new SagaStateError(saga, path, 'contains itself');
  const line = [...parents, value];
  if (Array.isArray(value)) {
    for (let index = 0; index < value.length; index++)
      requireJson(saga, value[index], `${path}[${index}]`, line);
    return;
  }
  const builtIn = Object.prototype.toString.call(value);
  if (builtIn !== '[object Object]' || ('toJSON' in value && typeof value.toJSON === 'function')) {
    throw new SagaStateError(
      saga,
      path,
      `is a ${builtIn.slice(8, -1)} and would come back as something else`,
    );
  }
  for (const [key, item] of Object.entries(value)) {
    if (item !== undefined) requireJson(saga, item, `${path}.${key}`, line);
  }
};
