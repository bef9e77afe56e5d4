import { ConfigurationError } from '../error.js';
import type { BatchHandler } from '../model/batch-handler.js';
import { AdaptiveSize } from './adaptive-size.js';
import { defaultBatchMax } from './defaults.js';
import type { BatchRule } from './keyed-lanes.js';

/** How a handler's events are put into batches in one run: its rule for the lanes, which learns from each batch. */
export class EventBatches implements BatchRule {
  readonly handler: BatchHandler;
  readonly waitMs: number;
  /** Most events of a batch at any time. */
  readonly max: number;
  /** The place in the lanes that all of its events share; `undefined` if each has that of its key. */
  readonly lane: string | undefined;
  readonly #adaptive: AdaptiveSize | undefined;

  /** @param number tells it from the others of the processor */
  constructor(handler: BatchHandler, number: number) {
    const { max = defaultBatchMax, min = 1, waitMs = 0, per = 'all', targetMs } = handler;
    this.handler = handler;
    this.waitMs = waitMs;
    this.max = max;
    // No key of events begins so.
    this.lane = per === 'all' ? `\u0000batches ${number}` : undefined;
    this.#adaptive = targetMs === undefined ? undefined : new AdaptiveSize({ min, max, targetMs });
  }

  size(): number {
    return this.#adaptive?.current ?? this.max;
  }

  /** Notes a batch that begins. To be called with what became of it. */
  begin(size: number): (failed: boolean) => void {
    const adaptive = this.#adaptive;
    if (adaptive === undefined) return nothing;
    const wasFull = size >= adaptive.current;
    const begin = performance.now();
    return (failed) => adaptive.record({ size, tookMs: performance.now() - begin, wasFull, failed });
  }
}

const nothing = (): void => undefined;

/**
 * Checks how a handler wants its batches.
 *
 * @param subject whose handler it is, for the message
 * @throws {ConfigurationError} a size, wait or target that makes no sense
 */
export const checkBatches = (handler: BatchHandler, subject: string): void => {
  const { max = defaultBatchMax, min = 1, waitMs = 0, per = 'all', targetMs } = handler;
  const require = (isRight: boolean, option: string, rule: string, value: unknown): void => {
    if (isRight) return;
    throw new ConfigurationError(
      `"${option}" of batches of ${subject} must be ${rule}, not ${String(value)}.`,
    );
  };
  require(Number.isSafeInteger(max) && max >= 1, 'max', 'a whole number from 1', max);
  require(Number.isSafeInteger(min) && min >= 1 && min <= max, 'min', 'a whole number from 1 to "max"', min);
  require(Number.isFinite(waitMs) && waitMs >= 0, 'waitMs', '0 or more milliseconds', waitMs);
  require(per === 'all' || per === 'key', 'per', "'all' or 'key'", per);
  require(targetMs === undefined ||
    (Number.isFinite(targetMs) && targetMs > 0), 'targetMs', 'more than 0 milliseconds', targetMs);
};
