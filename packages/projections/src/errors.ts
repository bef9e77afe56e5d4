import type { RecordedEvent } from '@tidemark/core';
import { TidemarkError } from '@tidemark/core';

/** Which event a projection was handling: enough to find it, nothing of what it says. */
export interface EventReference {
  readonly id: string;
  readonly type: string;
  readonly stream: string;
  readonly version: number;
  readonly position: bigint;
}

const messageOf = (cause: unknown): string => (cause instanceof Error ? cause.message : String(cause));

const referenceTo = ({ id, type, stream, version, position }: RecordedEvent): EventReference => ({
  id,
  type,
  stream,
  version,
  position,
});

/**
 * A handler of a projection threw, or gave back what cannot be a document. The batch was rolled back: neither the read
 * model nor the checkpoint moved. Mend the handler and start the projection again.
 */
export class ProjectionHandlerError extends TidemarkError {
  readonly code = 'projection-handler';
  readonly event: EventReference;

  /**
   * @param key the document being folded; `undefined` in a table projection, or while the keys were being found
   * @param cause what went wrong
   */
  constructor(
    readonly projection: string,
    event: RecordedEvent,
    readonly key: string | undefined,
    cause: unknown,
  ) {
    super(
      `Projection "${projection}" failed${key === undefined ? '' : ` on document "${key}"`} at event "${event.type}" ` +
        `(stream "${event.stream}", version ${event.version}, position ${event.position}, id ${event.id}): ` +
        messageOf(cause),
      { cause },
    );
    this.event = referenceTo(event);
  }
}

/** A document that is no document: a handler gave back a promise, a scalar, or something that JSON cannot hold. */
export class InvalidDocumentError extends TidemarkError {
  readonly code = 'invalid-document';
}

/** A projection is being rebuilt already; wait for that rebuild, or abort it and call again. */
export class RebuildInProgressError extends TidemarkError {
  readonly code = 'rebuild-in-progress';

  constructor(readonly projection: string) {
    super(
      `Projection "${projection}" is being rebuilt already. Wait for that rebuild to end, or abort it by its signal; ` +
        'a rebuild called then goes on where it stopped.',
    );
  }
}

/** A rebuild was aborted by its signal, or because the application stops. What it has built is kept. */
export class RebuildStoppedError extends TidemarkError {
  readonly code = 'rebuild-stopped';

  /** @param position how far the new generation is built */
  constructor(
    readonly projection: string,
    readonly position: bigint,
    cause: unknown,
  ) {
    super(
      `The rebuild of projection "${projection}" was stopped at position ${position}. ` +
        'The read model is as it was; call rebuild again to go on from there.',
      { cause },
    );
  }
}

/** The application has no such projection. */
export class UnknownProjectionError extends TidemarkError {
  readonly code = 'unknown-projection';

  constructor(
    readonly projection: string,
    known: readonly string[],
  ) {
    super(
      `No projection "${projection}" is registered in this application; there ${known.length === 1 ? 'is' : 'are'} ` +
        `${known.length === 0 ? 'none' : known.map((name) => `"${name}"`).join(', ')}. ` +
        'Add it to `register` of createApp.',
    );
  }
}

/** Another instance changed the generations of this projection at the same time; nothing was changed by this one. */
export class GenerationConflictError extends TidemarkError {
  readonly code = 'generation-conflict';

  constructor(readonly projection: string) {
    super(
      `Another instance switched or rebuilt projection "${projection}" meanwhile; this one changed nothing. ` +
        'Look at the status of the projection, and do it again if it is still wanted.',
    );
  }
}

/** The read model did not come to show a position in time. */
export class ProjectionTimeoutError extends TidemarkError {
  readonly code = 'projection-timeout';

  constructor(readonly projection: string) {
    super(
      `The time is up, and projection "${projection}" does not show the position yet: the new generation for its raised ` +
        'version is still being built. Wait longer, or look at its status.',
    );
  }
}

/**
 * An inline projection could not be brought into an append, since another process has put a read model of another version or
 * mode in its place. Nothing was appended. Replace this process by one of the newest release.
 */
export class ProjectionReplacedError extends TidemarkError {
  readonly code = 'projection-replaced';

  /** @param active what answers now, if anything does */
  constructor(
    readonly projection: string,
    readonly version: number,
    active: { readonly version: number; readonly mode?: string | undefined } | undefined,
  ) {
    super(
      `Inline projection "${projection}" has version ${version} in this process, but ` +
        (active === undefined
          ? 'nothing of it is stored any more'
          : `another process has switched to version ${active.version} (${active.mode ?? 'async'})`) +
        '. Nothing was appended. Replace this process by one of the newest release.',
    );
  }
}

/** A live query needed more events than it may read. */
export class LiveLimitError extends TidemarkError {
  readonly code = 'live-limit';

  constructor(
    readonly projection: string,
    readonly key: string,
    readonly limit: number,
  ) {
    super(
      `Live projection "${projection}" needs more than ${limit} events for "${key}". Raise \`limit\`, narrow \`source\` to the ` +
        'streams of the key, or store the read model.',
    );
  }
}

/** The read model of an inline projection could not be built from the log, so the application did not start. */
export class InlineBuildError extends TidemarkError {
  readonly code = 'inline-build';

  constructor(
    readonly projection: string,
    cause: unknown,
  ) {
    super(
      `Inline projection "${projection}" must be built from the log before commands are taken, and that failed: ` +
        `${messageOf(cause)} Mend the cause and start again: it goes on where it stopped.`,
      { cause },
    );
  }
}
