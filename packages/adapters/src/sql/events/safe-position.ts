import type { SqlSession } from '../driver.js';
import type { SchemaNames } from '../schema-names.js';

/**
 * The safe position of the log, asked for once for all who want to know it at the same time.
 *
 * Who asks while a question is on its way does not get its answer, which may be older than what the asker knows to be
 * committed, but shares the next one.
 */
export class SafePosition {
  readonly #session: SqlSession;
  readonly #text: string;
  #asking: Promise<bigint> | undefined;
  #next: Promise<bigint> | undefined;

  constructor(session: SqlSession, names: SchemaNames) {
    this.#session = session;
    this.#text = names.fill('SELECT {schema}.safe_position()');
  }

  current(): Promise<bigint> {
    if (this.#next !== undefined) return this.#next;
    if (this.#asking === undefined) return this.#ask();
    this.#next = this.#asking.then(
      () => this.#askNext(),
      () => this.#askNext(),
    );
    return this.#next;
  }

  #askNext(): Promise<bigint> {
    this.#next = undefined;
    return this.#ask();
  }

  #ask(): Promise<bigint> {
    const asking = this.#read().finally(() => {
      if (this.#asking === asking) this.#asking = undefined;
    });
    this.#asking = asking;
    return asking;
  }

  async #read(): Promise<bigint> {
    const { rows } = await this.#session.run(this.#text, []);
    return BigInt(rows[0]?.[0] ?? 0);
  }
}
