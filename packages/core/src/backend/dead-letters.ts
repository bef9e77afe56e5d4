import { TidemarkError } from '../error.js';

/** What was thrown, as far as it can be kept. */
export interface DeadLetterError {
  readonly name: string;
  readonly message: string;
  readonly stack?: string | undefined;
}

/**
 * Which handling was given up: of which event, by which handler. The event itself is in the log.
 */
export interface ParkedEvent {
  /** Where the event is in the log. */
  readonly position: bigint;
  readonly stream: string;
  readonly version: number;
  readonly type: string;
  /** Which of several events that a transformation made of the one in the log. Default: 0. */
  readonly part?: number | undefined;
  /** What a transformation made of the event in the log, as JSON; left out where nothing changed it. */
  readonly derived?: unknown;
  /** Name of the handler that failed, or that was not called because it waits behind one that did. 1 to 500 characters. */
  readonly handler: string;
}

/** A letter to be parked. */
export interface NewDeadLetter extends ParkedEvent {
  /**
   * The sequence that it belongs to: the key whose order is kept, exactly as it is. Up to 500 characters of any text, odd
   * ones such as lone surrogates included.
   */
  readonly sequence: string;
  /** Why it could not be handled; left out for one that was not tried and only waits behind another. */
  readonly error?: DeadLetterError | undefined;
  /** How often it was tried. */
  readonly attempts: number;
  /** Milliseconds from now until the sequence may be tried again, if this is its first letter. Default: 0. */
  readonly dueInMs?: number | undefined;
}

/** A letter as it is parked. */
export interface DeadLetter extends ParkedEvent {
  /** Its name in its sequence, for those who list and discard: opaque. */
  readonly id: string;
  readonly processor: string;
  readonly sequence: string;
  readonly part: number;
  readonly error?: DeadLetterError | undefined;
  readonly attempts: number;
  /** By the store's clock, as all times here. */
  readonly parkedAt: Date;
  /** When it was last tried again; left out if it was not. */
  readonly retriedAt?: Date | undefined;
}

/** Letters that wait one behind the other, as seen at one moment. */
export interface DeadLetterSequence {
  readonly processor: string;
  readonly sequence: string;
  readonly letters: number;
  /** The one that is to be handled first; its error is why the others wait. */
  readonly first: DeadLetter;
  /** When it may be tried again. */
  readonly dueAt: Date;
  /** Until when someone has claimed it; left out if nobody has. */
  readonly claimedUntil?: Date | undefined;
}

/** How many letters a processor has. */
export interface DeadLetterCount {
  readonly processor: string;
  readonly sequences: number;
  readonly letters: number;
}

/** Which sequence to claim, and for how long. */
export interface DeadLetterClaimOptions {
  readonly processor: string;
  /** This one, whether or not it is due. Default: the one that has been due for the longest. */
  readonly sequence?: string | undefined;
  /** How long the claim holds, in milliseconds; then others may claim it. */
  readonly claimMs: number;
}

/** The first letter of a sequence, claimed: nobody else gets one of the sequence while the claim holds. */
export interface DeadLetterClaim {
  readonly letter: DeadLetter;
  /** Tells this claim from any other. */
  readonly token: string;
}

/** Who did something, and why, for the audit. */
export interface DeadLetterActor {
  /** A person, or what acts for one, e.g. `retry` of node X. Up to 500 characters. */
  readonly by: string;
  /** Up to 2,000 characters. */
  readonly reason?: string | undefined;
}

/** What to discard, by whom and why. */
export interface DiscardOptions extends DeadLetterActor {
  readonly processor: string;
  readonly sequence: string;
  /** These letters of it. Default: all. */
  readonly ids?: readonly string[] | undefined;
  readonly reason: string;
}

/** How to put a claimed letter back. */
export interface RequeueOptions extends DeadLetterActor {
  /** Why it failed this time. */
  readonly error: DeadLetterError;
  /** Milliseconds until the sequence may be tried again. Default: 0. */
  readonly delayMs?: number | undefined;
}

/** Which page of a list, from where on. */
export interface DeadLetterPage {
  /** Most entries. Default: 100. */
  readonly limit?: number | undefined;
  /** The `sequence` or `id` of the last entry of the page before. */
  readonly after?: string | undefined;
}

/**
 * - `requeued`: tried again, and failed again
 * - `handled`: tried again, and done
 * - `discarded`: given up by someone
 */
export type DeadLetterAction = 'requeued' | 'handled' | 'discarded';

/** One thing that was done with a letter; kept when the letter is gone. */
export interface DeadLetterAuditEntry extends DeadLetterActor {
  readonly id: string;
  readonly at: Date;
  readonly action: DeadLetterAction;
  /** The letter as it was; of one that was put back, with its new error and count. */
  readonly letter: DeadLetter;
}

/** Which entries of the audit, newest first. */
export interface DeadLetterAuditQuery {
  /** Default: of all processors. */
  readonly processor?: string | undefined;
  /** Default: of all sequences. */
  readonly sequence?: string | undefined;
  readonly action?: DeadLetterAction | undefined;
  /** Most entries. Default: 100. */
  readonly limit?: number | undefined;
  /** The `id` of the last entry of the page before. */
  readonly after?: string | undefined;
}

/**
 * Events that could not be handled, parked in sequences: behind one that failed wait the later ones of the same key, so that
 * order per key is kept while all other keys go on. The design follows Axon Framework's `SequencedDeadLetterQueue`: a letter is
 * retried only when it is the first of its sequence, by one process at a time, and then evicted or put back.
 *
 * Letters of a sequence are in the order of the log (position, then part). The store sets no bounds: the caller counts.
 */
export interface DeadLetterStore {
  /**
   * Parks letters. One that is parked already (the same position, part and handler in its sequence) is left as it is, so that
   * parking can be repeated.
   *
   * @throws {InvalidArgumentError} a text or number is out of range; none is parked
   * @throws {SerializationError} a derived event cannot be held by JSON; none is parked
   */
  park(processor: string, letters: readonly NewDeadLetter[]): Promise<void>;

  /** Which of the sequences have letters, in one round trip however many are asked for. */
  parked(processor: string, sequences: readonly string[]): Promise<ReadonlySet<string>>;

  /** The sequences of a processor, in an order of the store's own that stays the same from page to page. */
  sequences(processor: string, page?: DeadLetterPage): Promise<readonly DeadLetterSequence[]>;

  /** The letters of a sequence, the first one first. */
  letters(processor: string, sequence: string, page?: DeadLetterPage): Promise<readonly DeadLetter[]>;

  /** How many there are of each processor that has any, or of the one, which is left out if it has none. */
  count(processor?: string): Promise<readonly DeadLetterCount[]>;

  /**
   * Claims the first letter of a sequence that is due and that nobody has claimed; what others are claiming at this moment is
   * passed over.
   *
   * @returns `undefined` if there is none
   */
  claim(options: DeadLetterClaimOptions): Promise<DeadLetterClaim | undefined>;

  /** Gives the claim back without having tried. One that was lost is left alone. */
  release(claim: DeadLetterClaim): Promise<void>;

  /**
   * Lets the claim hold for so many milliseconds from now on, also when it has ended meanwhile and nobody else took it.
   *
   * @throws {DeadLetterClaimLostError} here and below: another has claimed the sequence since, or the letter was discarded.
   * In a transaction, roll back
   */
  extend(claim: DeadLetterClaim, claimMs: number): Promise<void>;

  /** Removes the letter: it is handled. The next of its sequence is due at once. Ends the claim. */
  evict(claim: DeadLetterClaim, actor: DeadLetterActor): Promise<void>;

  /** Puts the letter back in its place with one attempt more and its new error. Ends the claim. */
  requeue(claim: DeadLetterClaim, options: RequeueOptions): Promise<void>;

  /**
   * Removes letters unhandled, claimed or not. If the first of a sequence goes, the next is due at once.
   *
   * @returns how many were removed
   */
  discard(options: DiscardOptions): Promise<number>;

  /** What was done with letters. */
  audit(query?: DeadLetterAuditQuery): Promise<readonly DeadLetterAuditEntry[]>;

  /** Forgets entries of the audit that are older than so many milliseconds, and says how many they were. */
  pruneAudit(olderThanMs: number): Promise<number>;
}

/** The claim on a dead letter ended, and another has it or it was discarded: what was done for it must be rolled back. */
export class DeadLetterClaimLostError extends TidemarkError {
  readonly code = 'dead-letter-claim-lost';

  constructor(readonly letter: DeadLetter) {
    super(
      `The claim on the dead letter of processor "${letter.processor}" at position ${letter.position} was lost: it took longer ` +
        'than it was claimed for and another claimed it, or it was discarded. Claim for longer, or extend the claim meanwhile.',
    );
  }
}
