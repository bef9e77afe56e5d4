import { randomUUID } from 'node:crypto';
import type { Clock } from '../../clock.js';
import type { Codec } from '../../schema/codec.js';
import {
  checkActor,
  checkClaim,
  checkDiscard,
  checkDuration,
  checkLetters,
  checkLimit,
  checkRequeue,
  keptError,
  letterId,
  placeOf,
} from '../check-ports.js';
import {
  DeadLetterClaimLostError,
  type DeadLetter,
  type DeadLetterAction,
  type DeadLetterActor,
  type DeadLetterAuditEntry,
  type DeadLetterAuditQuery,
  type DeadLetterClaim,
  type DeadLetterClaimOptions,
  type DeadLetterCount,
  type DeadLetterPage,
  type DeadLetterSequence,
  type DeadLetterStore,
  type DiscardOptions,
  type NewDeadLetter,
  type RequeueOptions,
} from '../dead-letters.js';
import {
  MemoryLetters,
  type DeadLetterTables,
  type StoredAuditEntry,
  type StoredLetter,
  type StoredSequence,
} from './letters.js';
import type { Writer } from './writer.js';

/** Dead letters in tables: the backend's, or those that a transaction sees. Time is the backend's clock. */
export class MemoryDeadLetterStore implements DeadLetterStore {
  readonly #letters: MemoryLetters;
  readonly #writer: Writer;
  readonly #codec: Codec;
  readonly #clock: Clock;

  constructor(tables: DeadLetterTables, writer: Writer, codec: Codec, clock: Clock) {
    this.#letters = new MemoryLetters(tables);
    this.#writer = writer;
    this.#codec = codec;
    this.#clock = clock;
  }

  async park(processor: string, letters: readonly NewDeadLetter[]): Promise<void> {
    checkLetters(processor, letters);
    const derived = letters.map((letter, index) =>
      letter.derived === undefined
        ? undefined
        : this.#codec.encode(letter.derived, `letters[${index}].derived`),
    );
    await this.#writer.write(() => {
      const now = this.#now();
      for (const [index, { sequence, part = 0, error, dueInMs = 0, ...letter }] of letters.entries()) {
        this.#letters.add(
          {
            processor,
            sequence,
            position: letter.position,
            part,
            stream: letter.stream,
            version: letter.version,
            type: letter.type,
            handler: letter.handler,
            derived: derived[index],
            error: error === undefined ? undefined : keptError(error),
            attempts: letter.attempts,
            parkedAt: now,
            retriedAt: undefined,
          },
          now + dueInMs,
        );
      }
    });
  }

  async parked(processor: string, sequences: readonly string[]): Promise<ReadonlySet<string>> {
    this.#writer.checkUsable();
    return new Set(sequences.filter((sequence) => this.#letters.sequence(processor, sequence) !== undefined));
  }

  async sequences(
    processor: string,
    { limit = 100, after }: DeadLetterPage = {},
  ): Promise<readonly DeadLetterSequence[]> {
    this.#writer.checkUsable();
    checkLimit(limit);
    return this.#letters
      .sequencesOf(processor)
      .filter(({ sequence }) => after === undefined || sequence > after)
      .slice(0, limit)
      .map((stored) => this.#sequence(stored));
  }

  async letters(
    processor: string,
    sequence: string,
    { limit = 100, after }: DeadLetterPage = {},
  ): Promise<readonly DeadLetter[]> {
    this.#writer.checkUsable();
    checkLimit(limit);
    return this.#letters
      .behind(processor, sequence, after === undefined ? undefined : placeOf(after, 'after'))
      .slice(0, limit)
      .map((stored) => this.#letter(stored));
  }

  async count(processor?: string): Promise<readonly DeadLetterCount[]> {
    this.#writer.checkUsable();
    return this.#letters.count(processor);
  }

  async claim(options: DeadLetterClaimOptions): Promise<DeadLetterClaim | undefined> {
    checkClaim(options);
    const { processor, sequence, claimMs } = options;
    return this.#writer.write(() => {
      const now = this.#now();
      const claimable = this.#letters
        .sequencesOf(processor)
        .filter(
          (each) =>
            (each.claimedUntil ?? 0) <= now &&
            (sequence === undefined ? each.dueAt <= now : each.sequence === sequence),
        )
        .toSorted((a, b) => a.dueAt - b.dueAt)[0];
      if (claimable === undefined) return undefined;
      const letter = this.#letters.first(claimable);
      const token = randomUUID();
      this.#letters.update({ ...claimable, claimedUntil: now + claimMs, token, claimed: letter.number });
      return { letter: this.#letter(letter), token };
    });
  }

  async release(claim: DeadLetterClaim): Promise<void> {
    await this.#writer.write(() => {
      const sequence = this.#letters.claimedBy(claim);
      if (sequence !== undefined) this.#letters.update(unclaimed(sequence));
    });
  }

  async extend(claim: DeadLetterClaim, claimMs: number): Promise<void> {
    checkDuration(claimMs, 'claimMs');
    await this.#writer.write(() => {
      this.#letters.update({ ...this.#claimed(claim), claimedUntil: this.#now() + claimMs });
    });
  }

  async evict(claim: DeadLetterClaim, actor: DeadLetterActor): Promise<void> {
    checkActor(actor);
    await this.#writer.write(() => {
      const sequence = this.#claimed(claim);
      const letter = this.#letters.first(sequence, sequence.claimed);
      this.#letters.remove(letter);
      this.#note('handled', letter, actor);
      this.#letters.update({ ...unclaimed(sequence), dueAt: this.#now() });
    });
  }

  async requeue(claim: DeadLetterClaim, options: RequeueOptions): Promise<void> {
    checkRequeue(options);
    const { error, delayMs = 0 } = options;
    await this.#writer.write(() => {
      const now = this.#now();
      const sequence = this.#claimed(claim);
      const letter = this.#letters.first(sequence, sequence.claimed);
      const tried = {
        ...letter,
        attempts: letter.attempts + 1,
        error: keptError(error),
        retriedAt: now,
      };
      this.#letters.replace(tried);
      this.#note('requeued', tried, options);
      this.#letters.update({ ...unclaimed(sequence), dueAt: now + delayMs });
    });
  }

  async discard(options: DiscardOptions): Promise<number> {
    checkDiscard(options);
    const numbers = options.ids?.map((id, index) => placeOf(id, `ids[${index}]`).number);
    return this.#writer.write(() => {
      const sequence = this.#letters.sequence(options.processor, options.sequence);
      if (sequence === undefined) return 0;
      const first = this.#letters.first(sequence);
      const removed = this.#letters
        .behind(options.processor, options.sequence)
        .filter(({ number }) => numbers === undefined || numbers.includes(number));
      for (const letter of removed) {
        this.#letters.remove(letter);
        this.#note('discarded', letter, options);
      }
      const isGone = (number: bigint | undefined): boolean =>
        removed.some((letter) => letter.number === number);
      const left = isGone(sequence.claimed) ? unclaimed(sequence) : sequence;
      this.#letters.update(isGone(first.number) ? { ...left, dueAt: this.#now() } : left);
      return removed.length;
    });
  }

  async audit(query: DeadLetterAuditQuery = {}): Promise<readonly DeadLetterAuditEntry[]> {
    this.#writer.checkUsable();
    const { limit = 100 } = query;
    checkLimit(limit);
    return this.#letters
      .entries(query)
      .slice(0, limit)
      .map((entry) => this.#entry(entry));
  }

  async pruneAudit(olderThanMs: number): Promise<number> {
    if (olderThanMs !== 0) checkDuration(olderThanMs, 'olderThanMs');
    return this.#writer.write(() => this.#letters.prune(this.#now() - olderThanMs));
  }

  #now(): number {
    return this.#clock.now().getTime();
  }

  /** The sequence that the claim is on. */
  #claimed(claim: DeadLetterClaim): StoredSequence {
    const sequence = this.#letters.claimedBy(claim);
    if (sequence === undefined) throw new DeadLetterClaimLostError(claim.letter);
    return sequence;
  }

  #note(action: DeadLetterAction, letter: StoredLetter, { by, reason }: DeadLetterActor): void {
    this.#letters.note({ at: this.#now(), action, letter, by, reason });
  }

  #sequence(stored: StoredSequence): DeadLetterSequence {
    const { processor, sequence, dueAt, claimedUntil } = stored;
    return {
      processor,
      sequence,
      letters: this.#letters.behind(processor, sequence).length,
      first: this.#letter(this.#letters.first(stored)),
      dueAt: new Date(dueAt),
      ...(claimedUntil === undefined || claimedUntil <= this.#now()
        ? {}
        : { claimedUntil: new Date(claimedUntil) }),
    };
  }

  #entry({ number, at, action, letter, by, reason }: StoredAuditEntry): DeadLetterAuditEntry {
    return {
      id: String(number),
      at: new Date(at),
      action,
      by,
      ...(reason === undefined ? {} : { reason }),
      letter: this.#letter(letter),
    };
  }

  #letter({ number, derived, error, parkedAt, retriedAt, ...letter }: StoredLetter): DeadLetter {
    return {
      id: letterId({ ...letter, number }),
      ...letter,
      ...(derived === undefined ? {} : { derived: this.#codec.decode(derived) }),
      ...(error === undefined ? {} : { error: { ...error } }),
      parkedAt: new Date(parkedAt),
      ...(retriedAt === undefined ? {} : { retriedAt: new Date(retriedAt) }),
    };
  }
}

const unclaimed = (sequence: StoredSequence): StoredSequence => ({
  ...sequence,
  claimedUntil: undefined,
  token: undefined,
  claimed: undefined,
});
