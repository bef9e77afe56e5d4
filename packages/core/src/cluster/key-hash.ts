import { hash } from 'node:crypto';

/** What a 32-bit number is drawn from, as hexadecimal digits. */
const digits = 8;

/**
 * The hash by which keys fall into segments: the first four bytes, most significant first, of the SHA-256 of the key in UTF-8. It is
 * a part of what is stored and never changes.
 *
 * SHA-256, because it spreads keys that differ little, costs no more than copying the key out of the engine as a hash in JavaScript
 * has to, and is at hand in PostgreSQL: `('x' || left(encode(sha256(convert_to(key, 'UTF8')), 'hex'), 8))::bit(32)`.
 *
 * @returns a whole number from 0 to 2^32 - 1
 */
export const keyHash = (key: string): number => Number.parseInt(hash('sha256', key).slice(0, digits), 16);
