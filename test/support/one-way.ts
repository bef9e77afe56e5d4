import { setTimeout as wait } from 'node:timers/promises';
import type { Socket } from 'node:net';

/** How much is passed on at a time where the rate is limited, in milliseconds of that rate. */
const turnMs = 10;

/** Passes bytes on from one socket to another, in order, as slowly as it is told. For {@link Proxy}. */
export class OneWay {
  delayMs = 0;
  bytesPerSecond = Number.POSITIVE_INFINITY;
  /** Told of what is passed on, right before. */
  onPass: (chunk: Buffer) => void = () => undefined;
  readonly #to: Socket;
  #last: Promise<void> = Promise.resolve();
  #swallowing = false;
  #bytesLeft = Number.POSITIVE_INFINITY;
  #onCut: () => boolean = () => false;

  constructor(from: Socket, to: Socket) {
    this.#to = to;
    from.on('data', (chunk: Buffer) => this.#after(() => this.#pass(chunk), from));
    from.on('end', () => this.#after(async () => this.end()));
  }

  get swallowing(): boolean {
    return this.#swallowing;
  }

  /** Passes on nothing any more, not even an end. */
  swallow(): void {
    this.#swallowing = true;
  }

  /** Calls back in place of passing on what follows so many bytes more; false lets it go on. */
  afterBytes(bytes: number, onCut: () => boolean): void {
    this.#bytesLeft = bytes;
    this.#onCut = onCut;
  }

  /** Says that nothing more comes. */
  end(): void {
    if (!this.#swallowing) this.#to.end();
  }

  /** Does the next thing when its delay is over and everything before it is done; meanwhile takes in nothing more. */
  #after(work: () => Promise<void>, from?: Socket): void {
    const due = wait(this.delayMs);
    const delayed = this.delayMs > 0;
    const before = this.#last;
    if (!delayed) from?.pause();
    this.#last = (async () => {
      await before;
      if (delayed) await due;
      await work();
      from?.resume();
    })();
  }

  async #pass(chunk: Buffer): Promise<void> {
    if (this.#swallowing || this.#to.destroyed || !this.#to.writable) return;
    this.onPass(chunk);
    if (chunk.length > this.#bytesLeft) {
      const passed = chunk.subarray(0, this.#bytesLeft);
      this.#bytesLeft = Number.POSITIVE_INFINITY;
      if (passed.length > 0) await this.#write(passed);
      if (this.#onCut()) {
        this.#swallowing = true;
        return;
      }
      await this.#write(chunk.subarray(passed.length));
      return;
    }
    this.#bytesLeft -= chunk.length;
    for (let at = 0; at < chunk.length; ) {
      const most = Math.max(1, Math.ceil((this.bytesPerSecond * turnMs) / 1_000));
      const part = chunk.subarray(at, at + most);
      await this.#write(part);
      at += part.length;
      if (Number.isFinite(this.bytesPerSecond)) await wait(turnMs);
    }
  }

  /** Settles when there is room for more, or nobody to take it. */
  async #write(chunk: Buffer): Promise<void> {
    if (this.#to.destroyed || !this.#to.writable || this.#to.write(chunk)) return;
    await new Promise<void>((resolve) => {
      const done = (): void => {
        this.#to.off('drain', done);
        this.#to.off('close', done);
        resolve();
      };
      this.#to.once('drain', done);
      this.#to.once('close', done);
    });
  }
}
