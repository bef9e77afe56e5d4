import type {
  DeadLetter,
  DeadLetterActor,
  DeadLetterAuditEntry,
  DeadLetterAuditQuery,
  DeadLetterCount,
  DeadLetterPage,
  DeadLetterSequence,
  DeadLetterStore,
  DiscardOptions,
} from '../backend/dead-letters.js';
import { ConfigurationError } from '../error.js';
import { InvalidArgumentError } from '../log/errors.js';
import type { RecordedEvent } from '../messages/event.js';
import type { EditedEvent, LetterRetryOptions, LetterRetryResult } from '../processing/letter-retries.js';
import type { ProcessorRunner } from '../processing/processor-runner.js';

/** Sequences that are looked through at once. */
const PAGE = 100;

/** Which sequences: all of these must hold of the first letter. */
export interface DeadLetterFilter {
  readonly sequence?: string | undefined;
  /** Type of the event. */
  readonly type?: string | undefined;
  /** Name of the method that failed. */
  readonly handler?: string | undefined;
  /** Name of the error, e.g. `TimeoutError`. */
  readonly error?: string | undefined;
}

/** A dead letter with its event. */
export interface ShownDeadLetter {
  readonly letter: DeadLetter;
  /** As its handler gets it, or as it is stored if it cannot be read; `undefined` if it is gone. */
  readonly event: RecordedEvent | undefined;
}

/** How dead letters are tried again, by whom and why. */
export interface DeadLetterRetryOptions extends DeadLetterActor {
  /** Which sequences. Default: all. */
  readonly where?: DeadLetterFilter | undefined;
  /**
   * Changes events for this try, as an upcaster would; the event in the log stays what it is. `undefined`: as it is. If it throws,
   * nothing is tried.
   */
  readonly edit?: ((event: RecordedEvent, letter: DeadLetter) => EditedEvent | undefined) | undefined;
  /** The same as JSON: what is to stand for the data of single letters. */
  readonly edits?: readonly { readonly id: string; readonly data: unknown }[] | undefined;
  /** Ends the retry; the signal of the handler that is running is aborted. */
  readonly signal?: AbortSignal | undefined;
}

/** What came of a retry. */
export interface DeadLetterRetryReport {
  /** Letters that were handled. */
  readonly handled: number;
  /** What came of each sequence that was tried. */
  readonly sequences: readonly LetterRetryResult[];
}

/**
 * The dead letters of the application: events that could not be handled, and those that wait behind them. Whatever is done with one is
 * kept in the audit, with who did it.
 */
export class DeadLetters {
  readonly #store: DeadLetterStore;
  readonly #runners: ReadonlyMap<string, ProcessorRunner>;

  constructor(store: DeadLetterStore, runners: ReadonlyMap<string, ProcessorRunner>) {
    this.#store = store;
    this.#runners = runners;
  }

  /** How many there are, of each processor that has any; also of those that this application does not have. */
  count(): Promise<readonly DeadLetterCount[]> {
    return this.#store.count();
  }

  /** The sequences of a processor, page by page. */
  list(processor: string, page?: DeadLetterPage): Promise<readonly DeadLetterSequence[]> {
    return this.#store.sequences(processor, page);
  }

  /**
   * The letters of a sequence in order, with their events, page by page.
   *
   * @throws {InvalidArgumentError} a processor of that name is not registered
   */
  async show(
    processor: string,
    sequence: string,
    page?: DeadLetterPage,
  ): Promise<readonly ShownDeadLetter[]> {
    const { letterRetries } = this.#runner(processor);
    const letters = await this.#store.letters(processor, sequence, page);
    const shown: ShownDeadLetter[] = [];
    for (const letter of letters) shown.push({ letter, event: await letterRetries.event(letter) });
    return shown;
  }

  /**
   * Tries sequences again, one after another: of each the first letter, and if that is handled, those behind it in order, until one
   * fails. Only the handler that failed is called, once for each letter; one that fails stays where it is, with its new error.
   * Whether a sequence is due does not matter.
   *
   * @throws {InvalidArgumentError} a processor of that name is not registered; nobody is named; an edit names no letter
   * @throws {UnsupportedError} it has no dead letters of this kind
   * @throws what an edit throws, or the store
   */
  async retry(processor: string, options: DeadLetterRetryOptions): Promise<DeadLetterRetryReport> {
    const { where = {}, edits, edit, by, reason, signal } = options;
    if (edit !== undefined && edits !== undefined) {
      throw new ConfigurationError('A retry takes "edit" or "edits", not both.');
    }
    const runner = this.#runner(processor);
    const retryOptions: LetterRetryOptions = {
      by,
      reason: noted(reason, edit !== undefined || edits !== undefined),
      edit: edits === undefined ? edit : editOf(edits),
      signal,
    };
    const sequences: LetterRetryResult[] = [];
    for (const sequence of await this.#matching(processor, where)) {
      if (signal?.aborted === true) break;
      const result = await runner.letterRetries.sequence(sequence, retryOptions);
      if (result !== undefined) sequences.push(result);
    }
    await runner.recovery.parking.load();
    return { handled: sequences.reduce((sum, { handled }) => sum + handled, 0), sequences };
  }

  /**
   * Gives letters up for good, unhandled. The letters behind them stay, and are tried when the processor next looks.
   *
   * @returns how many
   */
  async discard(options: DiscardOptions): Promise<number> {
    const discarded = await this.#store.discard(options);
    await this.#runners.get(options.processor)?.recovery.parking.load();
    return discarded;
  }

  /** What was done with letters, by whom and why, newest first. */
  audit(query?: DeadLetterAuditQuery): Promise<readonly DeadLetterAuditEntry[]> {
    return this.#store.audit(query);
  }

  /** Forgets entries of the audit that are older than so many milliseconds, and says how many they were. */
  pruneAudit(olderThanMs: number): Promise<number> {
    return this.#store.pruneAudit(olderThanMs);
  }

  /** Read before the first is tried: a sequence that fails again must not be met twice. */
  async #matching(processor: string, where: DeadLetterFilter): Promise<readonly string[]> {
    if (
      where.sequence !== undefined &&
      Object.values(where).filter((value) => value !== undefined).length === 1
    ) {
      return [where.sequence];
    }
    const matching: string[] = [];
    for (let after: string | undefined; ; ) {
      const page = await this.#store.sequences(processor, {
        limit: PAGE,
        ...(after === undefined ? {} : { after }),
      });
      matching.push(...page.filter((each) => isMatch(each, where)).map(({ sequence }) => sequence));
      after = page.at(-1)?.sequence;
      if (after === undefined || page.length < PAGE) return matching;
    }
  }

  #runner(processor: string): ProcessorRunner {
    const runner = this.#runners.get(processor);
    if (runner !== undefined) return runner;
    throw new InvalidArgumentError(
      'processor',
      `names "${processor}", which is not registered; registered are: ${[...this.#runners.keys()].join(', ') || 'none'}.`,
    );
  }
}

const isMatch = (
  { sequence, first }: DeadLetterSequence,
  { sequence: wanted, type, handler, error }: DeadLetterFilter,
): boolean =>
  (wanted === undefined || sequence === wanted) &&
  (type === undefined || first.type === type) &&
  (handler === undefined || first.handler === handler) &&
  (error === undefined || first.error?.name === error);

const editOf =
  (edits: readonly { readonly id: string; readonly data: unknown }[]): LetterRetryOptions['edit'] =>
  (_event, letter) => {
    const edit = edits.find(({ id }) => id === letter.id);
    return edit === undefined ? undefined : { data: edit.data };
  };

/** The audit tells that events were edited. */
const noted = (reason: string | undefined, isEdited: boolean): string | undefined => {
  if (!isEdited) return reason;
  return reason === undefined ? 'edited' : `${reason} (edited)`;
};
