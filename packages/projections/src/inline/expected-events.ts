import { jsonCodec, type RecordedEvent, type Schema, type StreamAppend } from '@tidemark/core';

/**
 * The events of an append as they will probably be recorded, so that it can be told beforehand what they write to. Position and
 * time are not known yet, and the version only where the append expects one.
 *
 * @returns `undefined` if they cannot be made; the append will then say why
 */
export const expectedEvents = (
  { stream, events, expectedVersion }: StreamAppend,
  schema: Schema,
): readonly RecordedEvent[] | undefined => {
  const first = typeof expectedVersion === 'number' ? expectedVersion + 1 : 0;
  const recordedAt = new Date();
  try {
    return schema.read(
      events.map(
        ({ id = '', type, schemaVersion = 1, data, metadata = {} }, index): RecordedEvent => ({
          id,
          stream,
          version: first + index,
          position: 0n,
          type,
          schemaVersion,
          data: jsonCodec.decode(jsonCodec.encode(data, 'data')),
          metadata,
          recordedAt,
        }),
      ),
    );
  } catch {
    return undefined;
  }
};
