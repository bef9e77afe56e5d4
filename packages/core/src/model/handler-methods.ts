import type { MessageHandler } from './handled-messages.js';

/** Most types whose method is kept: names of types that came from outside must not fill the memory. */
const mostTypes = 10_000;

/** Which method of a class handles events of which type. */
export class HandlerMethods {
  readonly #named: ReadonlyMap<string, string>;
  readonly #patterned: readonly MessageHandler[];
  readonly #found = new Map<string, string | undefined>();

  /** @param handlers in the order in which they are asked for their patterns */
  constructor(handlers: readonly MessageHandler[]) {
    this.#named = new Map(handlers.flatMap(({ method, types }) => types.map((name) => [name, method])));
    this.#patterned = handlers.filter(({ patterns }) => patterns.length > 0);
  }

  /** The method that names the type, or else the first with a pattern that matches it. */
  of(type: string): string | undefined {
    const named = this.#named.get(type);
    if (named !== undefined || this.#patterned.length === 0) return named;
    if (this.#found.has(type)) return this.#found.get(type);
    const found = this.#patterned.find(({ patterns }) => patterns.some((pattern) => pattern.matches(type)));
    if (this.#found.size >= mostTypes) this.#found.clear();
    this.#found.set(type, found?.method);
    return found?.method;
  }
}
