import type { RecordedEvent } from '../messages/event.js';
import type { Metadata } from '../messages/metadata.js';

/** How a command is sent. */
export interface SendOptions {
  /**
   * UUID of the command, and its idempotency key: sent again with the same id, to the same aggregate, it is answered
   * as the first time and appends nothing. A command that appended no event leaves no trace and is decided anew.
   * Default: a fresh one.
   */
  readonly id?: string | undefined;
  /** On top of what flows from the surrounding handler. */
  readonly metadata?: Metadata | undefined;
  /** Gives up before the next try when aborted; what is being appended already is appended. */
  readonly signal?: AbortSignal | undefined;
}

/** What became of a command. */
export interface CommandResult {
  readonly commandId: string;
  /** The aggregate's stream; `undefined` for a handler outside of aggregates. */
  readonly stream?: string | undefined;
  /** Version of the stream after the command; `undefined` if the stream does not exist. */
  readonly version?: number | undefined;
  /** Position of the command's last event: wait for it to see the command's effect in read models. */
  readonly position?: bigint | undefined;
  /** The command's events as recorded, at their newest version. */
  readonly events: readonly RecordedEvent[];
  /** True when the same command id had been handled before, and this is the first answer again. */
  readonly alreadyHandled: boolean;
  /** What a handler outside of aggregates returned. */
  readonly value?: unknown;
}

/** A command on its way to its handler, as middleware sees it. */
export interface CommandEnvelope {
  /** UUID. */
  readonly id: string;
  /** Name of the command's type. */
  readonly type: string;
  /** An instance of the command's class, or `{ type, data }`; not yet validated. */
  readonly command: object;
  /** What flows into the command's events. */
  readonly metadata: Metadata;
  readonly signal: AbortSignal;
}

/** The rest of a command's way, from one middleware on. */
export type NextCommandStep = (command: CommandEnvelope) => Promise<CommandResult>;

/**
 * Something that every command passes on its way: it may look, refuse by throwing, pass on another envelope, or answer
 * by itself. Validation and retries on conflicts happen behind it.
 */
export type CommandMiddleware = (command: CommandEnvelope, next: NextCommandStep) => Promise<CommandResult>;
