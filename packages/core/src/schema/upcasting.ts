import { ConfigurationError } from '../error.js';
import type { RecordedEvent } from '../messages/event.js';
import type { EventVersion, UpcastEvent, UpcasterDefinition } from '../model/upcaster-definition.js';
import { DuplicateNameError, UpcastError } from './errors.js';

/** Makes the newest form of a stored event: one event, several, or none. */
export type Upcast = (event: RecordedEvent) => readonly RecordedEvent[];

/** All upcasters of an application, checked and put together. */
export interface Upcasting {
  /** By type: the newest version, and the compiled function of each older one, indexed by version. */
  readonly types: ReadonlyMap<
    string,
    { readonly newest: number; readonly upcasts: readonly (Upcast | undefined)[] }
  >;
  /** By type: all types whose stored events may become it. */
  readonly sources: ReadonlyMap<string, ReadonlySet<string>>;
}

/**
 * Checks that every version below the newest leads to events at their newest version, and composes the steps into
 * one function per stored version.
 *
 * @param versions the newest version of each type with a class
 * @throws {ConfigurationError} a gap, a cycle, two upcasters for one version, or a target that does not exist
 */
export const compileUpcasters = (
  upcasters: readonly UpcasterDefinition[],
  versions: ReadonlyMap<string, { readonly version: number; readonly definedAt: string }>,
): Upcasting => {
  const steps = indexSteps(upcasters);
  const newest = newestVersions(upcasters, versions);
  for (const upcaster of upcasters) checkTargets(upcaster, versions);
  for (const [type, version] of newest) checkGaps(type, version, steps, versions.has(type));
  checkCycles(steps);

  const compiled = new Map<string, Upcast>();
  const compile = (at: EventVersion): Upcast | undefined => {
    const step = steps.get(keyOf(at));
    if (step === undefined) return undefined;
    const known = compiled.get(keyOf(at));
    if (known !== undefined) return known;
    const next = new Map<string, Upcast | undefined>(
      step.to.map((target) => [keyOf(target), compile(target)]),
    );
    const upcast = composeStep(step, next);
    compiled.set(keyOf(at), upcast);
    return upcast;
  };

  const types = new Map(
    [...newest].map(([type, version]) => [
      type,
      {
        newest: version,
        upcasts: Array.from({ length: version + 1 }, (_, at) => compile({ type, version: at })),
      },
    ]),
  );
  return { types, sources: sourcesOf(upcasters) };
};

const keyOf = ({ type, version }: EventVersion): string => `${version}@${type}`;
const nameOf = ({ type, version }: EventVersion): string => `"${type}" version ${version}`;

const indexSteps = (upcasters: readonly UpcasterDefinition[]): ReadonlyMap<string, UpcasterDefinition> => {
  const steps = new Map<string, UpcasterDefinition>();
  for (const upcaster of upcasters) {
    const other = steps.get(keyOf(upcaster.from));
    if (other !== undefined) {
      throw new DuplicateNameError('upcaster', nameOf(upcaster.from), [other.definedAt, upcaster.definedAt]);
    }
    steps.set(keyOf(upcaster.from), upcaster);
  }
  return steps;
};

/** A type with a class is at its class's version; one without, at the highest version that any upcaster mentions. */
const newestVersions = (
  upcasters: readonly UpcasterDefinition[],
  versions: ReadonlyMap<string, { readonly version: number }>,
): ReadonlyMap<string, number> => {
  const newest = new Map<string, number>();
  for (const { from, to } of upcasters) {
    for (const { type, version } of [from, ...to]) newest.set(type, Math.max(version, newest.get(type) ?? 1));
  }
  for (const [type, { version }] of versions) newest.set(type, version);
  return newest;
};

const checkTargets = (
  upcaster: UpcasterDefinition,
  versions: ReadonlyMap<string, { readonly version: number; readonly definedAt: string }>,
): void => {
  const { from, to, definedAt } = upcaster;
  const living = versions.get(from.type);
  if (living !== undefined && from.version >= living.version) {
    throw new ConfigurationError(
      `The upcaster at ${definedAt} is from ${nameOf(from)}, but @Event at ${living.definedAt} says that version ` +
        `${living.version} is the newest: set its version to ${from.version + 1}, or remove the class if the type is gone.`,
    );
  }
  for (const target of to) {
    const known = versions.get(target.type);
    if (known !== undefined && target.version > known.version) {
      throw new ConfigurationError(
        `The upcaster at ${definedAt} leads from ${nameOf(from)} to ${nameOf(target)}, which does not exist: @Event at ` +
          `${known.definedAt} says that version ${known.version} is the newest. Raise it, or mend the upcaster's "to".`,
      );
    }
  }
};

const checkGaps = (
  type: string,
  newest: number,
  steps: ReadonlyMap<string, UpcasterDefinition>,
  hasClass: boolean,
): void => {
  for (let version = 1; version < newest; version++) {
    if (steps.has(keyOf({ type, version }))) continue;
    throw new ConfigurationError(
      `Nothing upcasts ${nameOf({ type, version })}, though its newest version is ${newest}${hasClass ? '' : ', as upcasters say'}: ` +
        `stored events of that version could not be read. Add an upcaster from version ${version}.`,
    );
  }
};

const checkCycles = (steps: ReadonlyMap<string, UpcasterDefinition>): void => {
  const finished = new Set<string>();
  const visit = (at: EventVersion, path: readonly EventVersion[]): void => {
    const start = path.findIndex((earlier) => keyOf(earlier) === keyOf(at));
    const step = steps.get(keyOf(at));
    if (start >= 0) {
      throw new ConfigurationError(
        `Upcasters go round in a circle: ${[...path.slice(start), at].map(nameOf).join(' → ')}. ` +
          `Mend the "to" of the upcaster at ${step?.definedAt ?? 'an unknown place'}.`,
      );
    }
    if (step === undefined || finished.has(keyOf(at))) return;
    for (const target of step.to) visit(target, [...path, at]);
    finished.add(keyOf(at));
  };
  for (const { from } of steps.values()) visit(from, []);
};

const composeStep = (step: UpcasterDefinition, next: ReadonlyMap<string, Upcast | undefined>): Upcast => {
  return (event) => {
    const results: RecordedEvent[] = [];
    for (const made of runStep(step, event)) {
      const type = made.type ?? step.from.type;
      const schemaVersion = made.version ?? step.from.version + 1;
      const key = keyOf({ type, version: schemaVersion });
      if (!next.has(key)) {
        throw new UpcastError(
          step.name,
          `The upcaster from ${nameOf(step.from)} at ${step.definedAt} returned ${nameOf({ type, version: schemaVersion })}, ` +
            'which its "to" does not list: add it there, or mend what it returns.',
        );
      }
      if (made.data === undefined) {
        throw new UpcastError(
          step.name,
          `The upcaster from ${nameOf(step.from)} at ${step.definedAt} returned no data: return the new data, or list its ` +
            'targets in "to" and return an empty list to drop the event.',
        );
      }
      // Property by property: spreading takes several times as long, and this is done for every old event that is read.
      const upcast: RecordedEvent = {
        id: event.id,
        stream: event.stream,
        version: event.version,
        position: event.position,
        type,
        schemaVersion,
        data: made.data,
        metadata: made.metadata ?? event.metadata,
        recordedAt: event.recordedAt,
      };
      const further = next.get(key);
      if (further === undefined) results.push(upcast);
      else results.push(...further(upcast));
    }
    return results;
  };
};

const runStep = (step: UpcasterDefinition, event: RecordedEvent): readonly UpcastEvent[] => {
  const { data, metadata, stream, recordedAt } = event;
  const { type, version } = step.from;
  try {
    const made: unknown = step.upcast({ type, version, data, metadata, stream, recordedAt });
    if (Array.isArray(made)) return made;
    throw new UpcastError(
      step.name,
      `The upcaster from ${nameOf(step.from)} at ${step.definedAt} lists its targets in "to", so it must return a list of events.`,
    );
  } catch (cause) {
    if (cause instanceof UpcastError) throw cause;
    throw new UpcastError(
      step.name,
      `The upcaster from ${nameOf(step.from)} at ${step.definedAt} failed on event ${event.version} of stream ` +
        `"${stream}" (id ${event.id}): see the cause. Mend it so that it takes every stored form of that version.`,
      { cause },
    );
  }
};

const sourcesOf = (upcasters: readonly UpcasterDefinition[]): ReadonlyMap<string, ReadonlySet<string>> => {
  const direct = new Map<string, Set<string>>();
  for (const { from, to } of upcasters) {
    for (const { type } of to) {
      const sources = direct.get(type) ?? new Set<string>();
      direct.set(type, sources.add(from.type));
    }
  }
  const closure = new Map<string, ReadonlySet<string>>();
  for (const type of direct.keys()) {
    // A set's iteration also visits what is added on the way.
    const reached = new Set([type]);
    for (const reachedType of reached)
      for (const source of direct.get(reachedType) ?? []) reached.add(source);
    closure.set(type, reached);
  }
  return closure;
};
