import { sleep, type Clock } from '@tidemark/core';

/** A step's command that is being handled. */
interface Sending {
  readonly step: string;
  readonly controller: AbortController;
  readonly ended: Promise<void>;
}

/** The commands of steps that are being handled right now, by instance. */
export class InFlight {
  readonly #byStream = new Map<string, Set<Sending>>();

  /** Runs `send` with a signal that ends with the given one, and when the step's attempt is given up. */
  async run(
    stream: string,
    step: string,
    outer: AbortSignal,
    send: (signal: AbortSignal) => Promise<void>,
  ): Promise<void> {
    const controller = new AbortController();
    const work = send(AbortSignal.any([outer, controller.signal]));
    const sending: Sending = { step, controller, ended: work.catch(() => {}) };
    const all = this.#byStream.get(stream) ?? new Set();
    this.#byStream.set(stream, all.add(sending));
    try {
      await work;
    } catch (error) {
      // Given up: what became of it is unknown, which is what the instance takes it for.
      if (!controller.signal.aborted || outer.aborted) throw error;
    } finally {
      all.delete(sending);
      if (all.size === 0) this.#byStream.delete(stream);
    }
  }

  /** Gives up what is under way for a step. */
  giveUp(stream: string, step: string): void {
    for (const sending of this.#byStream.get(stream) ?? [])
      if (sending.step === step) sending.controller.abort();
  }

  /** Gives up everything under way for an instance, and waits for its end, but not for ever. */
  async settle(stream: string, clock: Clock, longestMs: number): Promise<void> {
    const all = [...(this.#byStream.get(stream) ?? [])];
    if (all.length === 0) return;
    for (const { controller } of all) controller.abort();
    const enough = new AbortController();
    await Promise.race([Promise.all(all.map(({ ended }) => ended)), sleep(clock, longestMs, enough.signal)]);
    enough.abort();
  }
}
