import { AsyncLocalStorage } from 'node:async_hooks';
import { NotRunningError } from './errors.js';

/** One piece of work that was let in. */
interface Admission {
  readonly by: InFlight;
  over: boolean;
}

const current = new AsyncLocalStorage<Admission>();

/**
 * The gate in front of work. Closing lets nothing in any more and waits for what is inside, together with what that
 * starts: work that was begun is not cut off half-way.
 */
export class InFlight {
  #open = false;
  #running = 0;
  #allDone: (() => void)[] = [];

  open(): void {
    this.#open = true;
  }

  /** @throws {NotRunningError} the gate is closed and the caller is not inside */
  async run<Result>(work: () => Promise<Result>): Promise<Result> {
    if (!this.#open && !this.#isInside()) {
      throw new NotRunningError(
        'The application takes no commands: it has not started, or is stopping. Await start() before sending.',
      );
    }
    const admission: Admission = { by: this, over: false };
    this.#running += 1;
    try {
      return await current.run(admission, work);
    } finally {
      admission.over = true;
      this.#running -= 1;
      if (this.#running === 0) for (const done of this.#allDone.splice(0)) done();
    }
  }

  async close(): Promise<void> {
    this.#open = false;
    if (this.#running > 0) await new Promise<void>((resolve) => this.#allDone.push(resolve));
  }

  #isInside(): boolean {
    const admission = current.getStore();
    return admission !== undefined && admission.by === this && !admission.over;
  }
}
