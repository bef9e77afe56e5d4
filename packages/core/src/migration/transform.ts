import { deterministicId } from '../messages/ids.js';
import type { NewEvent, RecordedEvent } from '../messages/event.js';
import { toError } from '../recovery/thrown.js';
import { TidemarkError } from '../error.js';
import { MigrationError } from './errors.js';
import type { MigratedEvent, MigrationTransformation, Renaming } from './migration-options.js';
import { originOf, withOrigin } from './origin.js';

/** An event ready to be written to the target. */
export interface PlacedEvent extends NewEvent {
  readonly id: string;
  readonly stream: string;
  readonly schemaVersion: number;
  readonly metadata: NonNullable<NewEvent['metadata']>;
}

/** What an event of the source becomes in the target, in order. */
export type Transform = (event: RecordedEvent) => readonly PlacedEvent[];

/**
 * Puts the transformations of a migration together.
 *
 * @param sameStore true within one store, where no event may be copied into its own stream, nor a copy be copied again
 */
export const compileTransform = (
  name: string,
  { schema, rename, map }: MigrationTransformation,
  sameStore: boolean,
): Transform => {
  const streamOf = renamer(rename?.streams);
  const typeOf = renamer(rename?.types);
  const renamed = (event: RecordedEvent): RecordedEvent =>
    rename === undefined ? event : { ...event, stream: streamOf(event.stream), type: typeOf(event.type) };
  const mapped = (event: RecordedEvent): readonly MigratedEvent[] => {
    if (map === undefined) return [event];
    const result = map(event);
    if (result === undefined) return [];
    return isList(result) ? result : [result];
  };

  return (original) => {
    if (sameStore && originOf(original)?.migration === name) return [];
    const events = explained(name, original, () =>
      (schema?.readOne(original) ?? [original]).flatMap((event) => mapped(renamed(event))),
    );
    return events.map((event, index) => {
      if (sameStore && event.stream === original.stream) {
        throw new MigrationError(
          name,
          `within one store an event cannot be copied into its own stream ("${event.stream}"): rename the streams, or leave this one out by the filter.`,
        );
      }
      return {
        id:
          index > 0 && (event.id === undefined || event.id === original.id)
            ? deterministicId(original.id, String(index))
            : (event.id ?? original.id).toLowerCase(),
        stream: event.stream,
        type: event.type,
        schemaVersion: event.schemaVersion ?? 1,
        data: event.data,
        metadata: withOrigin(event.metadata ?? {}, name, original),
      };
    });
  };
};

const isList = (value: MigratedEvent | readonly MigratedEvent[]): value is readonly MigratedEvent[] =>
  Array.isArray(value);

const renamer = (renaming: Renaming | undefined): ((name: string) => string) => {
  if (renaming === undefined) return (name) => name;
  if (typeof renaming === 'function') return renaming;
  const names = new Map(Object.entries(renaming));
  return (name) => names.get(name) ?? name;
};

/** Says at which event a transformation failed. Errors of upcasters say so themselves. */
const explained = <Result>(
  name: string,
  { stream, version, type }: RecordedEvent,
  work: () => Result,
): Result => {
  try {
    return work();
  } catch (thrown) {
    if (thrown instanceof TidemarkError) throw thrown;
    throw new MigrationError(
      name,
      `its transformations failed on event ${version} of stream "${stream}" ("${type}"): see the cause. Mend them and run it again.`,
      { cause: toError(thrown) },
    );
  }
};
