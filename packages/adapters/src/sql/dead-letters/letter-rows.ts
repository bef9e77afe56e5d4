import { letterId } from '@tidemark/core';
import type { Codec, DeadLetter, DeadLetterError } from '@tidemark/core';
import type { SqlRow } from '../driver.js';
import { timeOf } from '../text-time.js';
import { keyOf } from './sequence-key.js';

/** What makes a letter, beside its processor and sequence, in the tables of letters and of the audit alike. */
export const storedColumns =
  'number, position, part, stream, version, type, handler, derived, error, attempts, parked_at, retried_at';

/** Columns that {@link letterOf} reads, from a row `l` of letters (or of the audit) and a row `s` of its sequence. */
export const letterColumns = `s.processor, s.sequence, l.number, l.position, l.part, l.stream, l.version, l.type, l.handler,
  l.derived, l.error, l.attempts, date_part('epoch', l.parked_at), date_part('epoch', l.retried_at)`;

/** How many columns {@link letterColumns} are. */
export const letterWidth = 14;

/** @param row begins with {@link letterColumns} */
export const letterOf = (row: SqlRow, codec: Codec): DeadLetter => {
  const [processor, sequence, number, position, part, stream, version, type, handler, ...rest] = row;
  const [derived, error, attempts, parkedAt, retriedAt] = rest;
  const place = { position: BigInt(position as string), part: Number(part) };
  return {
    id: letterId({ ...place, number: BigInt(number as string) }),
    processor: processor as string,
    sequence: keyOf(sequence as string),
    ...place,
    stream: stream as string,
    version: Number(version),
    type: type as string,
    handler: handler as string,
    ...(derived === null || derived === undefined ? {} : { derived: codec.decode(derived) }),
    ...(error === null || error === undefined ? {} : { error: JSON.parse(error) as DeadLetterError }),
    attempts: Number(attempts),
    parkedAt: timeOf(parkedAt as string),
    ...(retriedAt === null || retriedAt === undefined ? {} : { retriedAt: timeOf(retriedAt) }),
  };
};
