import type { Clock } from '../clock.js';
import type { RecordedEvent } from '../messages/event.js';

/** A call of a handler that takes conspicuously long. */
export interface SlowCall {
  /** Name of the handler. */
  readonly handler: string;
  /** Where the event is in the log, of a batch the first; `undefined` for a batch in a transaction. */
  readonly stream: string | undefined;
  readonly position: bigint | undefined;
  readonly since: Date;
  /** True if it did not heed its signal when its time was over, and is not waited for any more. */
  readonly leftBehind: boolean;
}

/** A place where a handler may be running. */
export interface WatchedCall {
  readonly isRunning: boolean;
  readonly handler: string;
  readonly event: RecordedEvent | undefined;
  /** Looks that found it running, since it began: to be set to 0 then. */
  looks: number;
}

/** Milliseconds between two looks at what is running. */
const LOOK_MS = 15_000;
/** Looks that a call must have been seen at to count as slow: it has then taken a minute. */
const MANY_LOOKS = 5;
/** Most calls that may be left behind: each is still running. */
const MOST_LEFT = 16;

/** The calls of a processor that take long, or were left behind: nothing is done about them here, but they are shown. */
export class SlowCalls {
  readonly #clock: Clock;
  readonly #changed: () => void;
  readonly #left = new Set<SlowCall>();
  readonly #watched = new Set<WatchedCall>();
  readonly #slow = new Map<WatchedCall, SlowCall>();
  #cancel: (() => void) | undefined;

  /** @param changed called when there are more or fewer */
  constructor(clock: Clock, changed: () => void) {
    this.#clock = clock;
    this.#changed = changed;
  }

  list(): readonly SlowCall[] {
    return [...this.#slow.values(), ...this.#left];
  }

  /** How many calls were left behind and are still running. */
  get left(): number {
    return this.#left.size;
  }

  /** True if so many were left behind that no more may be begun. */
  get isTooMany(): boolean {
    return this.#left.size >= MOST_LEFT;
  }

  /** A call was left behind. Returns what is to be called when it ends after all. */
  leave(handler: string, event: RecordedEvent | undefined): () => void {
    const call = this.#describe(handler, event, this.#clock.now(), true);
    this.#left.add(call);
    this.#changed();
    return () => {
      this.#left.delete(call);
      this.#changed();
    };
  }

  /** Looks at this call now and then, until {@link unwatch}. It may run, end and run again meanwhile: that costs nothing here. */
  watch(call: WatchedCall): void {
    this.#watched.add(call);
    if (this.#cancel === undefined) this.#lookLater();
  }

  unwatch(call: WatchedCall): void {
    this.#watched.delete(call);
    this.ended(call);
    if (this.#watched.size > 0) return;
    this.#cancel?.();
    this.#cancel = undefined;
  }

  /** The call is over; it may run again. */
  ended(call: WatchedCall): void {
    if (call.looks >= MANY_LOOKS && this.#slow.delete(call)) this.#changed();
  }

  #lookLater(): void {
    this.#cancel = this.#clock.after(LOOK_MS, () => this.#look(), { unref: true });
  }

  #look(): void {
    this.#lookLater();
    let found = false;
    for (const call of this.#watched) {
      if (!call.isRunning) continue;
      call.looks += 1;
      if (call.looks !== MANY_LOOKS) continue;
      const since = new Date(this.#clock.now().getTime() - (MANY_LOOKS - 1) * LOOK_MS);
      this.#slow.set(call, this.#describe(call.handler, call.event, since, false));
      found = true;
    }
    if (found) this.#changed();
  }

  #describe(handler: string, event: RecordedEvent | undefined, since: Date, leftBehind: boolean): SlowCall {
    return { handler, stream: event?.stream, position: event?.position, since, leftBehind };
  }
}
