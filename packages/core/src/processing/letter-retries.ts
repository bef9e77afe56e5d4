import type { DeadLetter, DeadLetterActor, DeadLetterClaim } from '../backend/dead-letters.js';
import { DeadLetterClaimLostError } from '../backend/dead-letters.js';
import { UnsupportedError } from '../log/errors.js';
import type { RecordedEvent } from '../messages/event.js';
import type { Metadata } from '../messages/metadata.js';
import type { ProcessorDefinition } from '../model/processor-definition.js';
import { retryDelay } from '../recovery/dead-letter-retry.js';
import { BreakerOpenError } from '../recovery/errors.js';
import { eventOf } from '../recovery/letters.js';
import { isOutage } from '../recovery/outage.js';
import type { ProcessorRecovery } from '../recovery/processor-recovery.js';
import { keepError, toError } from '../recovery/thrown.js';
import { TypeIntake } from '../routing/intake.js';
import type { RoutedEvent } from '../routing/routed-event.js';
import { EventGoneError } from './errors.js';
import { HandlerCalls } from './handler-calls.js';
import type { RunnerEnvironment } from './runner-environment.js';

/** How long a letter that is being tried is kept from others, unless that is extended. */
const CLAIM_MS = 30_000;
/** How often it is extended. */
const EXTEND_MS = 10_000;

/** What an edit makes of an event: what is left out stays as it is. */
export interface EditedEvent {
  readonly data?: unknown;
  readonly metadata?: Metadata | undefined;
}

/** How to try letters again. */
export interface LetterRetryOptions extends DeadLetterActor {
  /**
   * Changes events for this try, as an upcaster would, if the handler could not take them as they are; the event in the log stays what
   * it is. `undefined`: as it is. If it throws, nothing is tried.
   */
  readonly edit?: ((event: RecordedEvent, letter: DeadLetter) => EditedEvent | undefined) | undefined;
  /** Ends the retry behind the letter that is being tried, whose signal is aborted. */
  readonly signal?: AbortSignal | undefined;
  /** Only if the first letter was never tried. Default: false. */
  readonly onlyUntried?: boolean | undefined;
}

/** What came of trying the letters of a sequence. */
export interface LetterRetryResult {
  readonly sequence: string;
  /** Letters that were handled. */
  readonly handled: number;
  /**
   * - `empty`: all were handled, or there was none
   * - `failed`: one failed again, and the others wait behind it
   * - `busy`: another process, or another call, is at it
   * - `away`: the backend, or what the handler depends on, is away, so nothing was tried, or the try did not count
   * - `ended`: the signal was aborted
   */
  readonly end: 'empty' | 'failed' | 'busy' | 'away' | 'ended';
  /** Why it failed again, or what is away. */
  readonly error?: Error | undefined;
}

/** An event, or why there is none. */
type FoundEvent = { readonly event: RoutedEvent } | { readonly thrown: unknown };

/** Tries dead letters of one processor again: the first of a sequence, and behind it the others, in order, until one fails. */
export class LetterRetries {
  readonly #definition: ProcessorDefinition;
  readonly #environment: RunnerEnvironment;
  readonly #recovery: ProcessorRecovery;
  readonly #calls: HandlerCalls;

  constructor(definition: ProcessorDefinition, environment: RunnerEnvironment, recovery: ProcessorRecovery) {
    this.#definition = definition;
    this.#environment = environment;
    this.#recovery = recovery;
    this.#calls = new HandlerCalls({
      definition,
      openScope: environment.services,
      middleware: environment.middleware ?? [],
    });
  }

  /**
   * Tries one sequence.
   *
   * @param sequence `undefined`: the one that has been due for the longest
   * @returns `undefined` if none is due
   * @throws {UnsupportedError} the processor has no dead letters of this kind
   * @throws what an edit throws, or the store
   */
  async sequence(
    sequence: string | undefined,
    options: LetterRetryOptions,
  ): Promise<LetterRetryResult | undefined> {
    const { name: processor, delivery, source } = this.#definition;
    if (delivery.mode === 'transaction' || source !== undefined) {
      throw new UnsupportedError(
        `"${processor}" has no dead letters here: ${source === undefined ? 'it handles in transactions' : 'the server keeps them'}.`,
      );
    }
    const { deadLetters } = this.#environment.backend;
    let of = sequence;
    for (let handled = 0; ; handled += 1) {
      const claim = await deadLetters.claim({ processor, sequence: of, claimMs: CLAIM_MS });
      if (claim === undefined) return of === undefined ? undefined : this.#ended(of, handled);
      of = claim.letter.sequence;
      if (
        options.signal?.aborted === true ||
        (options.onlyUntried === true && claim.letter.error !== undefined)
      ) {
        await deadLetters.release(claim);
        return { sequence: of, handled, end: 'ended' };
      }
      const end = await this.#letter(claim, options);
      if (end !== undefined) return { sequence: of, handled, ...end };
    }
  }

  async #ended(sequence: string, handled: number): Promise<LetterRetryResult> {
    const { deadLetters } = this.#environment.backend;
    const left = await deadLetters.parked(this.#definition.name, [sequence]);
    return { sequence, handled, end: left.has(sequence) ? 'busy' : 'empty' };
  }

  /** Tries a claimed letter. Gives why it was not handled; `undefined` if it was. */
  async #letter(
    claim: DeadLetterClaim,
    options: LetterRetryOptions,
  ): Promise<Pick<LetterRetryResult, 'end' | 'error'> | undefined> {
    const { deadLetters } = this.#environment.backend;
    const { by, reason } = options;
    let found: FoundEvent;
    try {
      found = await this.#event(claim.letter, options);
    } catch (error) {
      await deadLetters.release(claim);
      throw error;
    }
    const failure = 'thrown' in found ? found : await this.#try(claim, found.event, options.signal);
    try {
      if (failure === undefined) {
        await deadLetters.evict(claim, { by, reason });
        return undefined;
      }
      const error = toError(failure.thrown);
      if (options.signal?.aborted === true || isOutage(error) || error instanceof BreakerOpenError) {
        await deadLetters.release(claim);
        return { end: options.signal?.aborted === true ? 'ended' : 'away', error };
      }
      await deadLetters.requeue(claim, {
        error: keepError(error),
        delayMs: this.#delay(claim.letter),
        by,
        reason,
      });
      return { end: 'failed', error };
    } catch (error) {
      if (error instanceof DeadLetterClaimLostError) return { end: 'busy', error };
      throw error;
    }
  }

  /** Calls the handler once, and keeps the claim meanwhile. Gives what it threw. */
  async #try(
    claim: DeadLetterClaim,
    event: RoutedEvent,
    signal: AbortSignal | undefined,
  ): Promise<{ readonly thrown: unknown } | undefined> {
    const { backend, clock } = this.#environment;
    const aborting = new AbortController();
    const forward = (): void => aborting.abort(signal?.reason);
    signal?.addEventListener('abort', forward, { once: true });
    let cancel: (() => void) | undefined;
    const extendLater = (): void => {
      cancel = clock.after(EXTEND_MS, () => {
        backend.deadLetters.extend(claim, CLAIM_MS).then(extendLater, (error: unknown) => {
          if (error instanceof DeadLetterClaimLostError) aborting.abort(error);
          else extendLater();
        });
      });
    };
    extendLater();
    try {
      const attempt = claim.letter.attempts + 1;
      const guard = this.#recovery.of(event);
      await guard.run({
        handler: this.#recovery.handlerOf(event),
        event,
        signal: aborting.signal,
        call: (own) => this.#call(event, attempt, own),
      });
      // Told to stop, it may have returned without having done its work.
      aborting.signal.throwIfAborted();
      return undefined;
    } catch (thrown) {
      return { thrown };
    } finally {
      cancel?.();
      signal?.removeEventListener('abort', forward);
    }
  }

  #call(event: RoutedEvent, attempt: number, signal: AbortSignal): unknown {
    const { delivery } = this.#definition;
    if (event.routing?.failure !== undefined) throw event.routing.failure;
    if (delivery.mode === 'transaction') return undefined;
    const handler = delivery.mode === 'batch' ? delivery : delivery.batchOf?.(event);
    if (handler !== undefined) return this.#calls.batch(handler, [event], attempt, signal);
    if (delivery.mode === 'each') return this.#calls.one(delivery, event, attempt, signal);
    return undefined;
  }

  /**
   * The event of a letter as the handler gets it, or why it cannot get it.
   *
   * @throws what an edit throws, or the store
   */
  async #event(letter: DeadLetter, { edit }: LetterRetryOptions): Promise<FoundEvent> {
    const stored = await this.#stored(letter);
    if (stored === undefined) return { thrown: new EventGoneError(letter) };
    const read = this.#read(letter, stored);
    // What cannot be read is edited as it is stored.
    const edited = edit?.('thrown' in read ? stored : read.event, letter);
    if (edited === undefined) return read;
    return { event: this.#edited('thrown' in read ? stored : read.event, edited) };
  }

  /** The event of a letter, to look at: as the handler gets it, or as it is stored if it cannot be read; `undefined` if it is gone. */
  async event(letter: DeadLetter): Promise<RecordedEvent | undefined> {
    const stored = await this.#stored(letter);
    if (stored === undefined) return undefined;
    const read = this.#read(letter, stored);
    return 'thrown' in read ? stored : read.event;
  }

  #read(letter: DeadLetter, stored: RecordedEvent): FoundEvent {
    const { schema, intake = new TypeIntake(this.#definition) } = this.#environment;
    try {
      const event = eventOf(letter, stored, {
        read: (one) => schema.readOne(one),
        select: (events) => intake.select(events),
      });
      return event === undefined ? { thrown: new EventGoneError(letter) } : { event };
    } catch (thrown) {
      return { thrown };
    }
  }

  async #stored(letter: DeadLetter): Promise<RecordedEvent | undefined> {
    const { events } = this.#environment.backend;
    const { stream, version, position } = letter;
    for await (const batch of events.readStream(stream, { from: version, to: version, limit: 1 })) {
      const stored = batch.find((event) => event.position === position);
      if (stored !== undefined) return stored;
    }
    return undefined;
  }

  #edited(event: RoutedEvent, { data = event.data, metadata = event.metadata }: EditedEvent): RoutedEvent {
    const { schema } = this.#environment;
    const [read] = schema.readOne({
      ...event,
      data,
      metadata,
      schemaVersion: schema.latestVersion(event.type),
    });
    const edited = { ...event, ...read };
    if (typeof edited.data === 'object' && edited.data !== null) schema.validate(edited.data);
    return edited;
  }

  #delay({ parkedAt }: DeadLetter): number {
    const { retry } = this.#definition.deadLetters ?? {};
    if (retry === undefined) return 0;
    return retryDelay(retry, this.#environment.clock.now().getTime() - parkedAt.getTime());
  }
}
