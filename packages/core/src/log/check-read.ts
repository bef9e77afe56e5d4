import { InvalidArgumentError } from './errors.js';
import type { ReadAllOptions, ReadStreamOptions, StreamMetadata, SubscribeOptions } from './event-store.js';

/** Most events in one batch, unless the caller says otherwise. */
export const defaultBatchSize = 500;

const checkInteger = (value: number | undefined, argument: string, least: number): void => {
  if (value !== undefined && (!Number.isSafeInteger(value) || value < least)) {
    throw new InvalidArgumentError(argument, `must be an integer from ${least}, but is ${String(value)}`);
  }
};

const checkPosition = (value: bigint | undefined, argument: string): void => {
  if (value !== undefined && typeof value !== 'bigint') {
    throw new InvalidArgumentError(argument, 'must be a position, which is a bigint');
  }
};

/** @throws {InvalidArgumentError} */
export const checkReadStream = (options: ReadStreamOptions): void => {
  checkInteger(options.from, 'from', 0);
  checkInteger(options.to, 'to', -1);
  checkInteger(options.limit, 'limit', 0);
  checkInteger(options.batchSize, 'batchSize', 1);
};

/** @throws {InvalidArgumentError} */
export const checkReadAll = (options: ReadAllOptions): void => {
  checkPosition(options.after, 'after');
  checkPosition(options.to, 'to');
  checkInteger(options.limit, 'limit', 0);
  checkInteger(options.batchSize, 'batchSize', 1);
};

/** @throws {InvalidArgumentError} */
export const checkSubscribe = (options: SubscribeOptions): void => {
  checkPosition(options.after, 'after');
  checkInteger(options.batchSize, 'batchSize', 1);
};

/** @throws {InvalidArgumentError} */
export const checkStreamMetadata = (metadata: StreamMetadata): void => {
  checkInteger(metadata.maxAge, 'metadata.maxAge', 1);
  checkInteger(metadata.maxCount, 'metadata.maxCount', 1);
  checkInteger(metadata.truncateBefore, 'metadata.truncateBefore', 0);
  checkInteger(metadata.cacheControl, 'metadata.cacheControl', 0);
};
