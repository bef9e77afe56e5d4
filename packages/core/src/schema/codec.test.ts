import { isDeepStrictEqual } from 'node:util';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { jsonCodec } from './codec.js';
import { SerializationError } from './errors.js';
import { maxDepth } from './json-check.js';

const refusal = (value: unknown): SerializationError => {
  try {
    jsonCodec.encode(value, 'data');
  } catch (error) {
    if (error instanceof SerializationError) return error;
    throw error;
  }
  throw new Error('the value was accepted');
};

const roundTrip = (value: unknown): unknown => jsonCodec.decode(jsonCodec.encode(value, 'data'));

const nested = (levels: number): unknown => {
  let value: unknown = 'bottom';
  for (let level = 0; level < levels; level++) value = level % 2 === 0 ? [value] : { in: value };
  return value;
};

describe('the JSON codec', () => {
  it('gives back any JSON exactly, lone surrogates, NUL and odd keys included', () => {
    const text = fc.string({ unit: fc.nat(0xffff).map((unit) => String.fromCharCode(unit)) });
    const key = fc.oneof(text, fc.constantFrom('__proto__', 'constructor', 'toString', 'toJSON', '', '0'));
    const { tree } = fc.letrec((tie) => ({
      tree: fc.oneof(
        { maxDepth: 5 },
        fc.constant(null),
        fc.boolean(),
        fc.double({ noNaN: true, noDefaultInfinity: true }).map((number) => (number === 0 ? 0 : number)),
        text,
        fc.array(tie('tree')),
        fc.array(fc.tuple(key, tie('tree'))).map((entries) => Object.fromEntries(entries)),
      ),
    }));
    fc.assert(
      fc.property(tree, (value) => {
        expect(isDeepStrictEqual(roundTrip(value), value)).toBe(true);
      }),
      { numRuns: 500 },
    );
  });

  it('pitfall 19: keeps NUL and lone surrogates', () => {
    const odd = { 'a\u0000': '\u0000 \ud800 \udfff 💡', '\ud800': 1 };
    expect(roundTrip(odd)).toStrictEqual(odd);
  });

  it('D2: gives back a __proto__ key as own data and pollutes nothing', () => {
    const hostile: unknown = JSON.parse(
      '{"__proto__":{"admin":true},"constructor":{"prototype":{"admin":true}}}',
    );
    const back = roundTrip(hostile);
    expect(Object.keys(back as object)).toEqual(['__proto__', 'constructor']);
    expect(Object.getPrototypeOf(back)).toBe(Object.prototype);
    expect('admin' in {}).toBe(false);
  });

  it('leaves out undefined properties and writes dates and other toJSON objects as they say', () => {
    const value = {
      gone: undefined,
      at: new Date('2026-01-02T03:04:05.678Z'),
      money: { toJSON: (key: string) => `12 EUR in ${key}` },
      link: new URL('https://example.org/a'),
      hidden: { toJSON: () => undefined },
      zero: -0,
    };
    expect(jsonCodec.encode(value, 'data')).toBe(
      '{"at":"2026-01-02T03:04:05.678Z","money":"12 EUR in money","link":"https://example.org/a","zero":0}',
    );
  });

  it('takes instances of classes, with accessors and tags of their own', () => {
    class Tagged {
      readonly [Symbol.toStringTag] = 'Tagged' as const;
    }
    class Money {
      constructor(readonly cents: number) {}
      get [Symbol.toStringTag](): string {
        return 'Money';
      }
    }
    expect(jsonCodec.encode(new Money(5), 'data')).toBe('{"cents":5}');
    expect(jsonCodec.encode(Object.create(null), 'data')).toBe('{}');
    expect(refusal(new Tagged()).message).toContain('give it a toJSON method');
  });

  it.each([
    ['a bigint', 1n, 'bigint'],
    ['a function', () => 1, 'function'],
    ['a symbol', Symbol('s'), 'symbol'],
    ['NaN', Number.NaN, 'NaN'],
    ['infinity', Number.NEGATIVE_INFINITY, '-Infinity'],
    ['an invalid date', new Date(Number.NaN), 'invalid date'],
    ['a Map', new Map([[1, 2]]), 'Map'],
    ['a Set', new Set([1]), 'Set'],
    ['a RegExp', /a/, 'RegExp'],
    ['a typed array', new Uint8Array(2), 'binary'],
    ['a Buffer', Buffer.from('a'), 'binary'],
    ['an ArrayBuffer', new ArrayBuffer(2), 'binary'],
    ['a Promise', Promise.resolve(1), 'Promise'],
    ['a boxed number', Object(1), 'boxed'],
    ['an Error', new Error('secret'), 'Error'],
    ['a WeakMap', new WeakMap(), 'WeakMap'],
    ['an iterator', [1].values(), 'Array Iterator'],
    ['a symbol key', { [Symbol('key')]: 1 }, 'symbol'],
    ['what toJSON makes', { toJSON: () => 1n }, 'bigint'],
  ])('refuses %s and names its path', (_what, value, reason) => {
    const error = refusal({ items: [{ price: 1 }, { price: value }] });
    expect(error.path).toBe('data.items[1].price');
    expect(error.where).toBe('data');
    expect(error.message).toContain(reason);
    expect(refusal(value).path).toBe('data');
  });

  it('refuses undefined where JSON has no place for it', () => {
    expect(refusal(undefined).path).toBe('data');
    expect(refusal([1, undefined]).path).toBe('data[1]');
    expect(refusal({ list: Array.from({ length: 2 }) }).path).toBe('data.list[0]');
    expect(refusal({ toJSON: () => undefined }).path).toBe('data');
  });

  it('writes odd keys of a path in quotes, and no values', () => {
    const error = refusal({ 'odd key': { "quo'te": [Number.NaN] }, secret: 'hunter2' });
    expect(error.path).toBe('data["odd key"]["quo\'te"][0]');
    expect(error.message).not.toContain('hunter2');
  });

  it('refuses cycles, also of branches that would never end', () => {
    const cycle: Record<string, unknown> = {};
    cycle['left'] = cycle;
    cycle['right'] = [cycle];
    expect(refusal(cycle).message).toContain('refers back to itself');
  });

  it('writes values as deep as the bound exactly, and refuses deeper ones by a typed error', () => {
    expect(roundTrip(nested(maxDepth))).toStrictEqual(nested(maxDepth));
    expect(refusal(nested(maxDepth + 1)).message).toContain('levels deep');
    expect(refusal(nested(10_000))).toBeInstanceOf(SerializationError);
  });

  it('wraps what a getter throws', () => {
    const cause = new Error('broken getter');
    const error = refusal({
      get price(): number {
        throw cause;
      },
    });
    expect(error.cause).toBe(cause);
  });

  it('refuses text that is not JSON without quoting it', () => {
    expect(() => jsonCodec.decode('{"password": "hunter2"')).toThrow(SerializationError);
    expect(() => jsonCodec.decode('{"password": "hunter2"')).not.toThrow(/hunter2/);
  });
});
