import type { HandlerCall, HandlerMiddleware } from '../model/middleware.js';
import { TidemarkError } from '../error.js';

/** A middleware did not keep to its contract, so that the handler was called not at all, or would have been called twice. */
export class MiddlewareError extends TidemarkError {
  readonly code = 'middleware';
}

/** A call without its `skip`, which the chain gives it. */
export type PlainCall<Call extends HandlerCall = HandlerCall> = Call extends unknown
  ? Omit<Call, 'skip'>
  : never;

/**
 * Leads a call through middleware, the first being the outermost, to the handler.
 *
 * @throws {MiddlewareError} one called `next` twice or too late, or neither it nor `skip`
 */
export const throughMiddleware = (
  chain: readonly HandlerMiddleware[],
  plain: PlainCall,
  handle: () => unknown,
): Promise<void> => {
  let isSkipped = false;
  const call: HandlerCall = {
    ...plain,
    skip: () => {
      isSkipped = true;
    },
  };
  const from = async (index: number): Promise<void> => {
    const middleware = chain[index];
    if (middleware === undefined) {
      await handle();
      return;
    }
    const name = middleware.name === '' ? `number ${index + 1}` : `"${middleware.name}"`;
    const where = `Middleware ${name} of processor "${call.context.processor}"`;
    const step = new Step(where, () => from(index + 1));
    await middleware(call, () => step.next());
    await step.end(() => isSkipped);
  };
  return from(0);
};

/** What one middleware does with what is behind it. */
class Step {
  readonly #where: string;
  readonly #goOn: () => Promise<void>;
  #behind: Promise<void> | undefined;
  #isSettled = false;
  #mistake: MiddlewareError | undefined;
  #hasEnded = false;

  constructor(where: string, goOn: () => Promise<void>) {
    this.#where = where;
    this.#goOn = goOn;
  }

  async next(): Promise<void> {
    if (this.#hasEnded) {
      throw new MiddlewareError(
        `${this.#where} called next() after it had returned: await next() before it returns.`,
      );
    }
    if (this.#behind !== undefined) {
      this.#mistake = new MiddlewareError(
        `${this.#where} called next() twice for one call: the handler runs once for each try. Throw, and let the retry policy try again.`,
      );
      throw this.#mistake;
    }
    const behind = this.#goOn();
    this.#behind = behind;
    const settled = (): void => {
      this.#isSettled = true;
    };
    behind.then(settled, settled);
    return behind;
  }

  /** The middleware has returned. */
  async end(isSkipped: () => boolean): Promise<void> {
    this.#hasEnded = true;
    if (this.#behind === undefined && this.#mistake === undefined && !isSkipped()) {
      throw new MiddlewareError(
        `${this.#where} returned without having called next(), so the handler was not called: ` +
          'call next(), or call.skip(reason) to leave the handler out on purpose.',
      );
    }
    // It did not wait for what is behind it. Whoever did, and caught what it threw, has dealt with that.
    if (!this.#isSettled) await this.#behind;
    if (this.#mistake !== undefined) throw this.#mistake;
  }
}
