import type { Clock } from '../clock.js';

/** Least milliseconds between two notices. */
const PAUSE_MS = 10_000;

/**
 * Tells of events that were given up: of the first at once, then at most once in 10 seconds, with how many there were meanwhile. None
 * goes unsaid, and a flood of them fills no log.
 */
export class GiveUpNotices {
  readonly #clock: Clock;
  readonly #tell: (message: string) => void;
  #unsaid = 0;
  #last = '';
  #cancel: (() => void) | undefined;

  constructor(clock: Clock, tell: (message: string) => void) {
    this.#clock = clock;
    this.#tell = tell;
  }

  add(message: string): void {
    this.#last = message;
    this.#unsaid += 1;
    if (this.#cancel === undefined) this.#say();
  }

  /** Says what is left to be said. */
  flush(): void {
    this.#cancel?.();
    this.#cancel = undefined;
    if (this.#unsaid > 0) this.#saySo();
  }

  #say(): void {
    this.#saySo();
    this.#cancel = this.#clock.after(
      PAUSE_MS,
      () => {
        this.#cancel = undefined;
        if (this.#unsaid > 0) this.#say();
      },
      { unref: true },
    );
  }

  #saySo(): void {
    const others = this.#unsaid - 1;
    this.#unsaid = 0;
    this.#tell(others === 0 ? this.#last : `${this.#last} (and ${others} more since the last such notice)`);
  }
}
