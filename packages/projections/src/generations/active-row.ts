import type { SwitchRow } from './switch-row.js';

/** How old what is known of a row may be when a read relies on it, in milliseconds, where other processes can change it. */
const mostAgeMs = 1_000;

/**
 * What this process knows of a switch row. Where other processes may change the row, no read relies on what is known for longer
 * than a second: so at most one read in a second asks for it, and all others cost no query more.
 */
export class ActiveRow {
  /** Whether other processes may change the row. */
  readonly isShared: boolean;
  readonly #load: () => Promise<SwitchRow | undefined>;
  #known: SwitchRow | undefined;
  #lookedAt = Number.NEGATIVE_INFINITY;
  #looking: Promise<void> | undefined;

  constructor(load: () => Promise<SwitchRow | undefined>, isShared: boolean) {
    this.#load = load;
    this.isShared = isShared;
  }

  /** The newest row seen so far; `undefined` before the projection's first start. */
  get known(): SwitchRow | undefined {
    return this.#known;
  }

  /** Takes notice of a row that was just read or written; an older one than is known changes nothing. */
  note(row: SwitchRow): void {
    if (this.#known === undefined || row.revision > this.#known.revision) this.#known = row;
  }

  /** Looks anew if that is due. */
  async fresh(): Promise<void> {
    if (!this.isShared || performance.now() - this.#lookedAt < mostAgeMs) return;
    this.#looking ??= this.look().finally(() => {
      this.#looking = undefined;
    });
    await this.#looking;
  }

  /** Looks anew. */
  async look(): Promise<void> {
    const began = performance.now();
    const row = await this.#load();
    if (row !== undefined) this.note(row);
    this.#lookedAt = began;
  }
}
