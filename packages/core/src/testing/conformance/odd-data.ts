import assert from 'node:assert/strict';
import { SerializationError } from '../../schema/errors.js';
import { refused } from './assertions.js';
import { rule, type Chapter } from './conformance.js';
import { all, numbered, type EventStoreTrial } from './event-store-trial.js';
import { oddValues } from './odd-values.js';

const cyclic = (): unknown => {
  const value: Record<string, unknown> = {};
  value['self'] = value;
  return value;
};

const refusedValues: readonly (readonly [what: string, value: unknown])[] = [
  ['undefined', undefined],
  ['undefined in a list', { list: [1, undefined] }],
  ['a bigint', { n: 1n }],
  ['NaN', { n: Number.NaN }],
  ['Infinity', { n: Number.POSITIVE_INFINITY }],
  ['a function', { f: () => 1 }],
  ['a symbol', { s: Symbol('s') }],
  ['a cycle', cyclic()],
  ['a Map', { map: new Map([[1, 2]]) }],
  ['a Set', { set: new Set([1]) }],
  ['an invalid date', { at: new Date(Number.NaN) }],
  ['bytes', { bytes: new Uint8Array([1, 2]) }],
];

/** Compares by JSON text, which also tells the order of keys, and by structure, which tells what JSON cannot. */
const assertSame = (actual: unknown, expected: unknown): void => {
  assert.equal(JSON.stringify(actual) === JSON.stringify(expected), true, 'the JSON is the same');
  assert.deepEqual(actual, expected);
};

/** Large and odd data: it comes back as it was, or is refused before anything is written. */
export const oddData: Chapter<EventStoreTrial> = {
  name: 'odd data',
  rules: [
    ...oddValues.map(([what, value]) =>
      rule<EventStoreTrial>(`${what}: comes back as it was`, async (trial) => {
        const after = await trial.store.head();
        await trial.store.append(trial.name(), [{ type: 'Odd', data: value, metadata: { value } }]);
        const [fromStream] = await all(trial.store.readStream(trial.name()));
        const filter = { streamPrefixes: [trial.name()] };
        const [fromLog] = await all(trial.store.readAll({ after, filter }));
        const [delivered] = await trial.subscribe({ after, filter }).untilEvents(1);
        for (const event of [fromStream, fromLog, delivered]) {
          assertSame(event?.data, value);
          assertSame(event?.metadata['value'], value);
        }
      }),
    ),
    rule('an own key __proto__ pollutes nothing', async (trial) => {
      const data: unknown = JSON.parse('{"__proto__":{"polluted":true}}');
      await trial.store.append(trial.name(), [{ type: 'Odd', data }]);
      const [event] = await all(trial.store.readStream(trial.name()));
      assert.equal(Object.getPrototypeOf(event?.data), Object.prototype);
      assert.equal(Reflect.get({}, 'polluted'), undefined);
      assert.deepEqual(Object.keys(event?.data as object), ['__proto__']);
    }),
    rule('a date comes back as its ISO text, and -0 as 0, as in JSON', async (trial) => {
      const data = { at: new Date('2026-01-02T03:04:05.678Z'), zero: -0, left: undefined };
      await trial.store.append(trial.name(), [{ type: 'Odd', data }]);
      const [event] = await all(trial.store.readStream(trial.name()));
      assert.deepEqual(event?.data, { at: '2026-01-02T03:04:05.678Z', zero: 0 });
    }),
    ...refusedValues.map(([what, value]) =>
      rule<EventStoreTrial>(`${what}: refused, and nothing is written`, async (trial) => {
        await refused(SerializationError, () =>
          trial.store.append(trial.name(), [...numbered(1), { type: 'Odd', data: value }]),
        );
        await refused(SerializationError, () =>
          trial.store.append(trial.name(), [{ type: 'Odd', data: 1, metadata: { list: [value] } }]),
        );
        assert.equal(await trial.store.streamVersion(trial.name()), undefined);
      }),
    ),
    rule('10,000 levels of nesting come back as they were, or are refused with the path', async (trial) => {
      let data: unknown = 'bottom';
      for (let level = 0; level < 10_000; level++) data = { a: data };
      try {
        await trial.store.append(trial.name(), [{ type: 'Odd', data }]);
      } catch (error) {
        assert.ok(error instanceof SerializationError, `refused with ${String(error)}`);
        assert.equal(await trial.store.streamVersion(trial.name()), undefined);
        return;
      }
      const [event] = await all(trial.store.readStream(trial.name()));
      let depth = 0;
      for (let value = event?.data; typeof value === 'object' && value !== null; depth++) {
        value = Reflect.get(value, 'a');
      }
      assert.equal(depth, 10_000);
    }),
  ],
};
