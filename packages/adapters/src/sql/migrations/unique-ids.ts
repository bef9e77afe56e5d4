/**
 * Ids are unique within a stream, whoever appends.
 *
 * An append whose answer was lost is repeated with the same ids, which are looked for then. But what was sent first may still
 * be on its way, and arrive behind its repetition: it was not told to look for its ids. The index refuses it.
 */
export const uniqueIds = `
CREATE UNIQUE INDEX events_id_stream ON {schema}.events (id, stream);
DROP INDEX {schema}.events_id;
`;
