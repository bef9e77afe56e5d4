import { describe, expect, it } from '@jest/globals';
import { jsonCodec, type RecordedEvent } from '@tidemark/core';
import fc from 'fast-check';
import type { DocumentHandler } from '../definition.js';
import { DocumentFold, roundTripOf } from './document-fold.js';

interface Counter {
  readonly count: number;
  readonly last?: string | Date | undefined;
}

let position = 0n;
const event = (type: string, data: unknown): RecordedEvent => {
  position += 1n;
  return {
    id: `0190c0de-0000-7000-8000-${String(position).padStart(12, '0')}`,
    stream: 'counter-1',
    version: Number(position),
    position,
    type,
    schemaVersion: 1,
    data,
    metadata: {},
    recordedAt: new Date(0),
  };
};

const asCounter = (document: object | undefined): Counter | undefined =>
  document !== undefined && 'count' in document && typeof document.count === 'number'
    ? { ...document, count: document.count }
    : undefined;

const on = (
  type: string,
  fold: DocumentHandler['fold'],
  keys: DocumentHandler['keys'] = (data) => String(data),
): DocumentHandler => ({ type, label: `the handler of "${type}"`, keys, fold });

const foldOf = (...handlers: readonly DocumentHandler[]): DocumentFold =>
  new DocumentFold('counters', handlers, roundTripOf(jsonCodec));

const counted = on('counted', (_, document) => ({ count: (asCounter(document)?.count ?? 0) + 1 }));

/** Folds as the runtime does: each batch loads what the ones before it stored. */
const run = (fold: DocumentFold, batches: readonly (readonly RecordedEvent[])[]): Map<string, string> => {
  const stored = new Map<string, string>();
  for (const batch of batches) {
    const plan = fold.plan(batch);
    const loaded = new Map<string, unknown>();
    for (const key of plan.keys) {
      const text = stored.get(key);
      if (text !== undefined) loaded.set(key, jsonCodec.decode(text));
    }
    for (const { key, document } of fold.apply(plan, loaded)) {
      if (document === null) stored.delete(key);
      else stored.set(key, jsonCodec.encode(document, 'document'));
    }
  }
  return stored;
};

describe('DocumentFold', () => {
  it('names each document once, and changes each once, however many events it has', () => {
    const fold = foldOf(counted);
    const plan = fold.plan([event('counted', 'a'), event('counted', 'b'), event('counted', 'a')]);
    expect(plan.keys).toEqual(['a', 'b']);
    expect(fold.apply(plan, new Map([['a', { count: 5 }]]))).toEqual([
      { key: 'a', document: { count: 7 } },
      { key: 'b', document: { count: 1 } },
    ]);
  });

  it('passes over events that it does not handle', () => {
    expect(foldOf(counted).plan([event('other', 'a')])).toEqual({ steps: [], keys: [] });
  });

  it('folds one event into several documents, each once, or into none', () => {
    const fold = foldOf(
      on(
        'many',
        () => ({ seen: true }),
        () => ['a', 'b', 'a'],
      ),
      on(
        'none',
        () => ({ seen: true }),
        () => undefined,
      ),
    );
    const plan = fold.plan([event('many', 0), event('none', 0)]);
    expect(fold.apply(plan, new Map()).map(({ key }) => key)).toEqual(['a', 'b']);
  });

  it('deletes by null, leaves by undefined, and writes nothing that did not change', () => {
    const fold = foldOf(
      on('deleted', () => null),
      on('left', () => undefined),
      on('same', (_, document) => document),
      counted,
    );
    const loaded = new Map([
      ['deleted', { count: 1 }],
      ['left', { count: 1 }],
      ['same', { count: 1 }],
    ]);
    const plan = fold.plan([
      event('deleted', 'deleted'),
      event('left', 'left'),
      event('same', 'same'),
      event('deleted', 'never-was'),
      event('counted', 'came-and-went'),
      event('deleted', 'came-and-went'),
    ]);
    expect(fold.apply(plan, loaded)).toEqual([{ key: 'deleted', document: null }]);
  });

  it('shows a handler what the next batch would show it: dates as text, no undefined, no classes', () => {
    class Money {
      readonly cents = 5;
      readonly left: string | undefined = undefined;
    }
    const seen: (object | undefined)[] = [];
    const fold = foldOf(
      on('first', () => ({ at: new Date(0), money: new Money(), gone: undefined, minusZero: -0 })),
      on('second', (_, document) => {
        seen.push(document);
        return undefined;
      }),
    );
    run(fold, [[event('first', 'a'), event('second', 'a')]]);
    run(fold, [[event('first', 'a')], [event('second', 'a')]]);
    expect(seen[0]).toStrictEqual({ at: '1970-01-01T00:00:00.000Z', money: { cents: 5 }, minusZero: 0 });
    expect(seen[1]).toStrictEqual(seen[0]);
  });

  it.each([
    ['a document that was loaded', [] as readonly string[], new Map([['a', { list: [1] }]])],
    ['a document of the same batch', ['made'], new Map<string, unknown>()],
  ])('refuses a change in place of %s, which the next batch would not see', (_, before, loaded) => {
    const fold = foldOf(
      on('made', () => ({ list: [1] })),
      on('pushed', (__, document) => {
        const list: unknown = document === undefined ? undefined : Reflect.get(document, 'list');
        if (Array.isArray(list)) list.push(2);
        return document;
      }),
    );
    const plan = fold.plan([...before, 'pushed'].map((type) => event(type, 'a')));
    expect(() => fold.apply(plan, loaded)).toThrow(
      /Projection "counters" failed on document "a" at event "pushed"/,
    );
  });

  it('names projection, document and event when a handler fails, and keeps the cause', () => {
    const cause = new Error('no such card');
    const fold = foldOf(
      on('poison', () => {
        throw cause;
      }),
    );
    const poison = event('poison', 'a');
    const plan = fold.plan([poison]);
    const { id, stream, version, position: at } = poison;
    expect(() => fold.apply(plan, new Map())).toThrow(
      expect.objectContaining({
        code: 'projection-handler',
        projection: 'counters',
        key: 'a',
        event: { id, type: 'poison', stream, version, position: at },
        cause,
        message: `Projection "counters" failed on document "a" at event "poison" (stream "counter-1", version ${version}, position ${at}, id ${id}): no such card`,
      }),
    );
  });

  it('says so too when what was thrown is no error', () => {
    const generator = (function* (): Generator<undefined, undefined> {})();
    const fold = foldOf(on('poison', () => generator.throw('a string').value));
    expect(() => fold.apply(fold.plan([event('poison', 'a')]), new Map())).toThrow(/: a string$/);
  });

  it.each([
    ['a promise', Promise.resolve({}), /gave back a promise/],
    ['a number', 7, /gave back a number/],
    ['a string', 'text', /gave back a string/],
  ])('refuses %s for a document', (_, result: unknown, message) => {
    const fold = foldOf({ ...counted, fold: () => result as object });
    expect(() => fold.apply(fold.plan([event('counted', 'a')]), new Map())).toThrow(message);
  });

  it.each([
    ['a number', 7, /is a number/],
    ['null', null, /is null/],
    ['an empty string', '', /is an empty string/],
    [
      'a string that is too long',
      'k'.repeat(501),
      /is a string, but keys are strings of 1 to 500 characters/,
    ],
    ['a NUL', 'a\0b', /without NUL/],
    ['a list with a hole', ['a', undefined], /is undefined/],
    ['an object', {}, /is an object/],
  ])('refuses %s for a key', (_, key: unknown, message) => {
    const fold = foldOf({ ...counted, keys: () => key as string });
    expect(() => fold.plan([event('counted', 'a')])).toThrow(message);
  });

  it('refuses what JSON cannot hold, with its path, as soon as another event would see it', () => {
    const fold = foldOf(
      on('bad', () => ({ deep: [{ big: 1n }] })),
      counted,
    );
    const plan = fold.plan([event('bad', 'a'), event('counted', 'a')]);
    expect(() => fold.apply(plan, new Map())).toThrow(/document\.deep\[0\]\.big/);
  });

  it('refuses a document whose toJSON makes it no object', () => {
    const fold = foldOf(
      on('odd', () => ({ toJSON: () => 7 })),
      counted,
    );
    const plan = fold.plan([event('odd', 'a'), event('counted', 'a')]);
    expect(() => fold.apply(plan, new Map())).toThrow(/toJSON gave back a number/);
  });

  it('gives byte-identical documents wherever batches end', () => {
    const fold = foldOf(
      on('counted', (_, document) => ({
        ...document,
        count: (asCounter(document)?.count ?? 0) + 1,
        last: new Date(asCounter(document)?.count ?? 0),
        maybe: (asCounter(document)?.count ?? 0) % 2 === 0 ? undefined : -0,
      })),
      on('deleted', () => null),
      on(
        'moved',
        (_, document) => ({ moved: document ?? null }),
        () => ['a', 'b'],
      ),
    );
    const typed = fc.record({
      type: fc.constantFrom('counted', 'counted', 'counted', 'deleted', 'moved', 'unknown'),
      key: fc.constantFrom('a', 'b', 'c'),
      endsBatch: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(typed, { maxLength: 20 }), (steps) => {
        const events = steps.map(({ type, key }) => event(type, key));
        const batches: RecordedEvent[][] = [[]];
        for (const [index, { endsBatch }] of steps.entries()) {
          batches.at(-1)?.push(events[index] ?? event('unknown', ''));
          if (endsBatch) batches.push([]);
        }
        const whole = run(fold, [events]);
        expect(Object.fromEntries(run(fold, batches))).toEqual(Object.fromEntries(whole));
      }),
    );
  });
});
