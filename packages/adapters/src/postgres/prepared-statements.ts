import type { Preparation } from './statement.js';

/** Most statements that stay prepared on one connection; the one that was not used for longest goes. */
const mostPrepared = 200;

/** Which statements are prepared on one connection. */
export class PreparedStatements {
  /** Names by text, the one used last at the end. */
  readonly #names = new Map<string, string>();
  /** Of those that failed at their first run nobody knows whether they are prepared. */
  readonly #doubtful: string[] = [];
  #made = 0;

  /** The name of a statement that is prepared, or what prepares it. */
  use(text: string): { readonly name: string; readonly preparation: Preparation | undefined } {
    const known = this.#names.get(text);
    if (known !== undefined) {
      this.#names.delete(text);
      this.#names.set(text, known);
      return { name: known, preparation: undefined };
    }
    this.#made += 1;
    return { name: `tidemark_${this.#made}`, preparation: { text, discard: this.#oneTooMany() } };
  }

  /** It was run for the first time, and is prepared. */
  keep(text: string, name: string): void {
    this.#names.set(text, name);
  }

  /** It failed at its first run. */
  doubt(name: string): void {
    this.#doubtful.push(name);
  }

  #oneTooMany(): string | undefined {
    const doubtful = this.#doubtful.pop();
    if (doubtful !== undefined) return doubtful;
    const oldest = this.#names.size < mostPrepared ? undefined : this.#names.entries().next().value;
    if (oldest === undefined) return undefined;
    this.#names.delete(oldest[0]);
    return oldest[1];
  }
}
