import { Schema, upcaster, type MigrationTransformation } from '@tidemark/core';

/**
 * What becomes of the events on their way: this is the file to change. As it stands, everything is copied as it is; the lines
 * below show what can be done.
 */
export const rules = (prefixes: readonly string[]): MigrationTransformation => ({
  // Only some streams.
  ...(prefixes.length === 0 ? {} : { filter: { streamPrefixes: prefixes } }),
  // Events arrive in the newest version that these know.
  schema,
  // New names; all others stay.
  rename: { types: { 'order-placed': 'Order.Placed' } },
  // One event, several, or none.
  map: (event) => (event.type === 'Heartbeat' ? undefined : event),
});

const schema = new Schema();
schema.register(
  upcaster({
    event: 'Order.Priced',
    from: 1,
    upcast: (data: { readonly price: number }) => ({ cents: Math.round(data.price * 100) }),
  }),
);
