import { describe, expect, it } from '@jest/globals';
import { Event } from '../model/message-decorators.js';
import { upcaster } from '../model/upcaster.js';
import { UnknownSchemaVersionError } from '../schema/errors.js';
import { Schema } from '../schema/schema.js';
import { upcasting } from './upcasting.js';

@Event({ name: 'priced', version: 2 })
class Priced {
  constructor(
    readonly amount: number,
    readonly currency: string,
  ) {}
}

const toVersion2 = upcaster({
  event: 'priced',
  from: 1,
  upcast: ({ price }: { price: number }, { metadata }) => ({
    amount: price,
    currency: metadata['currency'] ?? 'EUR',
  }),
});

const dropped = upcaster({ event: 'noise', from: 1, to: [], upcast: () => [] });

describe('a test of upcasters', () => {
  const old = { type: 'priced', schemaVersion: 1, data: { price: 5 } };

  it('compares what readers get', () => {
    const prices = upcasting([Priced, toVersion2, dropped]);
    prices.given(old).thenEvents(new Priced(5, 'EUR'));
    prices.given({ ...old, metadata: { currency: 'USD' } }).thenEvents(new Priced(5, 'USD'));
    prices.given(old, { type: 'noise', schemaVersion: 1, data: null }).thenEvents(new Priced(5, 'EUR'));
    prices.given({ type: 'noise', schemaVersion: 1, data: null }).thenDropped();
    prices.given({ type: 'priced', schemaVersion: 3, data: {} }).thenFails(UnknownSchemaVersionError);
  });

  it('takes a schema that is there', () => {
    const schema = new Schema();
    schema.register(toVersion2);
    upcasting(schema)
      .given(old)
      .thenEvents({ type: 'priced', data: { amount: 5, currency: 'EUR' } });
  });

  it('shows the differences', () => {
    const check = () => upcasting([Priced, toVersion2]).given(old).thenEvents(new Priced(6, 'EUR'));
    expect(check).toThrow('Readers get other events.');
    expect(check).toThrow(/\+\s+amount: 5/);
    expect(check).toThrow(/-\s+amount: 6/);
  });

  it('says when reading should have failed', () => {
    const prices = upcasting([Priced, toVersion2]);
    expect(() => prices.given(old).thenFails()).toThrow('Reading should have failed, but gave 1 event.');
    expect(() => prices.given(old, old).thenFails()).toThrow('but gave 2 events.');
  });
});
