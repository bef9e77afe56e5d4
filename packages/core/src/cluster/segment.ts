import { InvalidArgumentError } from '../log/errors.js';

/** The largest mask: 65,536 segments are more than there can be nodes for. */
const largestMask = 0xffff;

/**
 * A part of a processor's keys: those whose hash has the bits of `id` under `mask`. A mask is one less than a power of two, and an
 * id lies under it. The segments of a processor never overlap, and together hold every key. After Axon Framework's segments.
 */
export interface Segment {
  readonly id: number;
  readonly mask: number;
}

/** All keys: a processor that was never divided. */
export const undivided: Segment = { id: 0, mask: 0 };

/** Whether the segment holds the keys of this hash. */
export const holdsHash = ({ id, mask }: Segment, hash: number): boolean => (hash & mask) === id;

/** Its name: id and mask, as in `3/15`. */
export const segmentName = ({ id, mask }: Segment): string => `${id}/${mask}`;

/**
 * The two halves of a segment. The first has its id.
 *
 * @throws {InvalidArgumentError} it is as small as can be
 */
export const split = ({ id, mask }: Segment): readonly [Segment, Segment] => {
  if (mask >= largestMask) {
    throw new InvalidArgumentError('segment', `${id}/${mask} cannot be split further`);
  }
  const half = (mask << 1) | 1;
  return [
    { id, mask: half },
    { id: id | (mask + 1), mask: half },
  ];
};

/** The segment that this one would be merged with; `undefined` for {@link undivided}. */
export const sibling = ({ id, mask }: Segment): Segment | undefined =>
  mask === 0 ? undefined : { id: id ^ ((mask + 1) >>> 1), mask };

/** What a segment and its sibling become together; `undefined` for {@link undivided}. */
export const merged = ({ id, mask }: Segment): Segment | undefined =>
  mask === 0 ? undefined : { id: id & (mask >>> 1), mask: mask >>> 1 };

/** Whether keys can be divided into so many equal segments: a power of two from 1 to 65,536. */
export const canDivide = (count: number): boolean =>
  Number.isSafeInteger(count) && count >= 1 && count - 1 <= largestMask && (count & (count - 1)) === 0;

/**
 * Equal segments that hold all keys.
 *
 * @param count a power of two, from 1 to 65,536
 * @throws {InvalidArgumentError} another number
 */
export const divide = (count: number): readonly Segment[] => {
  const mask = count - 1;
  if (!canDivide(count)) {
    throw new InvalidArgumentError(
      'segments',
      `must be a power of two from 1 to 65,536, but is ${String(count)}`,
    );
  }
  return Array.from({ length: count }, (_, id) => ({ id, mask }));
};

/** Whether every key is in exactly one of the segments. */
export const isWhole = (segments: readonly Segment[]): boolean => {
  const mask = Math.max(0, ...segments.map((segment) => segment.mask));
  // Without overlaps each holds its share of the smallest parts, and the shares add up to all of them.
  const share = segments.reduce((sum, segment) => sum + (mask + 1) / (segment.mask + 1), 0);
  const overlap = segments.some((one, index) =>
    segments.slice(index + 1).some((other) => {
      const common = one.mask & other.mask;
      return (one.id & common) === (other.id & common);
    }),
  );
  return share === mask + 1 && !overlap;
};

/** The number that its checkpoint is kept under: {@link undivided} is 0, its halves 1 and 2, their halves 3 to 6. */
export const segmentNumber = ({ id, mask }: Segment): number => mask + id;

/** The segment of a number. */
export const segmentOf = (number: number): Segment => {
  const mask = 2 ** Math.floor(Math.log2(number + 1)) - 1;
  return { id: number - mask, mask };
};
