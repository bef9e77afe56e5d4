import { auditNumber, type LetterPlace } from '../check-ports.js';
import type {
  DeadLetterAction,
  DeadLetterAuditQuery,
  DeadLetterClaim,
  DeadLetterCount,
  DeadLetterError,
} from '../dead-letters.js';
import type { Table } from './table.js';

export interface StoredLetter extends LetterPlace {
  readonly processor: string;
  readonly sequence: string;
  readonly stream: string;
  readonly version: number;
  readonly type: string;
  readonly handler: string;
  /** As the codec wrote it. */
  readonly derived: string | undefined;
  readonly error: DeadLetterError | undefined;
  readonly attempts: number;
  /** Milliseconds since the epoch, as all times here. */
  readonly parkedAt: number;
  readonly retriedAt: number | undefined;
}

/** Is there as long as it has letters. */
export interface StoredSequence {
  readonly processor: string;
  readonly sequence: string;
  readonly dueAt: number;
  readonly claimedUntil: number | undefined;
  readonly token: string | undefined;
  /** Number of the claimed letter. */
  readonly claimed: bigint | undefined;
}

export interface StoredAuditEntry {
  readonly number: bigint;
  readonly at: number;
  readonly action: DeadLetterAction;
  readonly by: string;
  readonly reason: string | undefined;
  readonly letter: StoredLetter;
}

/** Numbers that grow; those of a transaction that was rolled back are left out. */
export interface Numbers {
  last: bigint;
}

export interface DeadLetterTables {
  readonly letters: Table<StoredLetter>;
  readonly sequences: Table<StoredSequence>;
  readonly audit: Table<StoredAuditEntry>;
  readonly numbers: Numbers;
}

/** The key of a sequence in its table: both names, whole. */
export const sequenceKey = ({
  processor,
  sequence,
}: {
  readonly processor: string;
  readonly sequence: string;
}): string => JSON.stringify([processor, sequence]);

/** The key of a letter in its table: what makes it the same letter when it is parked again. */
export const letterKey = (letter: Omit<StoredLetter, 'number'>): string =>
  JSON.stringify([letter.processor, letter.sequence, String(letter.position), letter.part, letter.handler]);

/** The tables of dead letters, kept consistent with each other. */
export class MemoryLetters {
  readonly #tables: DeadLetterTables;

  constructor(tables: DeadLetterTables) {
    this.#tables = tables;
  }

  sequence(processor: string, sequence: string): StoredSequence | undefined {
    return this.#tables.sequences.get(sequenceKey({ processor, sequence }));
  }

  /** The sequences of a processor, by key. */
  sequencesOf(processor: string): readonly StoredSequence[] {
    return [...this.#tables.sequences.rows()]
      .filter((row) => row.processor === processor)
      .toSorted((a, b) => (a.sequence < b.sequence ? -1 : 1));
  }

  /** Adds a letter unless it is there; makes its sequence. */
  add(letter: Omit<StoredLetter, 'number'>, dueAt: number): void {
    if (this.#tables.letters.get(letterKey(letter)) !== undefined) return;
    const { processor, sequence } = letter;
    this.replace({ ...letter, number: this.#next() });
    if (this.sequence(processor, sequence) !== undefined) return;
    this.#tables.sequences.set(sequenceKey(letter), {
      processor,
      sequence,
      dueAt,
      claimedUntil: undefined,
      token: undefined,
      claimed: undefined,
    });
  }

  replace(letter: StoredLetter): void {
    this.#tables.letters.set(letterKey(letter), letter);
  }

  remove(letter: StoredLetter): void {
    this.#tables.letters.delete(letterKey(letter));
  }

  /** The letters of a sequence that come behind a place, in order. */
  behind(processor: string, sequence: string, place?: LetterPlace): readonly StoredLetter[] {
    return [...this.#tables.letters.rows()]
      .filter((row) => row.processor === processor && row.sequence === sequence)
      .filter((row) => place === undefined || inOrder(place, row) < 0)
      .toSorted(inOrder);
  }

  /** The first letter of a sequence, or that of a number. A sequence that is there has one. */
  first({ processor, sequence }: StoredSequence, number?: bigint): StoredLetter {
    const letters = this.behind(processor, sequence);
    return letters.find((letter) => number === undefined || letter.number === number) as StoredLetter;
  }

  /** Notes the state of a sequence; one without letters is no more. */
  update(sequence: StoredSequence): void {
    if (this.behind(sequence.processor, sequence.sequence).length > 0) {
      this.#tables.sequences.set(sequenceKey(sequence), sequence);
    } else {
      this.#tables.sequences.delete(sequenceKey(sequence));
    }
  }

  claimedBy({ letter, token }: DeadLetterClaim): StoredSequence | undefined {
    const sequence = this.sequence(letter.processor, letter.sequence);
    return sequence?.token === token ? sequence : undefined;
  }

  count(processor: string | undefined): readonly DeadLetterCount[] {
    const counts = new Map<string, { sequences: number; letters: number }>();
    for (const row of this.#tables.sequences.rows()) {
      if (processor !== undefined && row.processor !== processor) continue;
      const count = counts.get(row.processor) ?? { sequences: 0, letters: 0 };
      counts.set(row.processor, count);
      count.sequences += 1;
      count.letters += this.behind(row.processor, row.sequence).length;
    }
    return [...counts]
      .map(([name, { sequences, letters }]) => ({ processor: name, sequences, letters }))
      .toSorted((a, b) => (a.processor < b.processor ? -1 : 1));
  }

  note(entry: Omit<StoredAuditEntry, 'number'>): void {
    const number = this.#next();
    this.#tables.audit.set(String(number), { ...entry, number });
  }

  /** Entries of the audit, newest first. */
  entries({ processor, sequence, action, after }: DeadLetterAuditQuery): readonly StoredAuditEntry[] {
    const last = after === undefined ? undefined : auditNumber(after);
    return [...this.#tables.audit.rows()]
      .filter(
        ({ letter, number, ...entry }) =>
          (processor === undefined || letter.processor === processor) &&
          (sequence === undefined || letter.sequence === sequence) &&
          (action === undefined || entry.action === action) &&
          (last === undefined || number < last),
      )
      .toSorted((a, b) => (a.number < b.number ? 1 : -1));
  }

  prune(before: number): number {
    const old = [...this.#tables.audit.rows()].filter(({ at }) => at < before);
    for (const { number } of old) this.#tables.audit.delete(String(number));
    return old.length;
  }

  #next(): bigint {
    this.#tables.numbers.last += 1n;
    return this.#tables.numbers.last;
  }
}

const inOrder = (a: LetterPlace, b: LetterPlace): number => {
  if (a.position !== b.position) return a.position < b.position ? -1 : 1;
  if (a.part !== b.part) return a.part - b.part;
  return a.number < b.number ? -1 : Number(a.number > b.number);
};
