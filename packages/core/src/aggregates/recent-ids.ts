/**
 * The ids of an aggregate's newest events, so that a repeated command is recognised without asking the store.
 *
 * Only ids that can be asked for are kept: those derived from a command's id, which are UUIDs of version 5.
 */
export class RecentIds {
  readonly #ids = new Set<string>();
  readonly #capacity: number;
  #complete = true;

  /** @param capacity most ids kept; older ones are forgotten */
  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  /** False when events are missing here: a snapshot covers them, they were truncated, or there were too many. */
  get complete(): boolean {
    return this.#complete;
  }

  /** Notes that there are earlier events whose ids are not known here. */
  missEarlier(): void {
    this.#complete = false;
  }

  add(id: string): void {
    if (!isDerived(id)) return;
    this.#ids.add(id);
    if (this.#ids.size <= this.#capacity) return;
    for (const oldest of this.#ids) {
      this.#ids.delete(oldest);
      break;
    }
    this.#complete = false;
  }

  has(id: string): boolean {
    return this.#ids.has(id);
  }
}

/** The version digit of a UUID is its 15th character. */
const isDerived = (id: string): boolean => id[14] === '5';
