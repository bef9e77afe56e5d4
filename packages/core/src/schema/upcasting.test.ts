import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { newId } from '../messages/ids.js';
import type { RecordedEvent } from '../messages/event.js';
import { definitionsOf } from '../model/definitions-of.js';
import { Event } from '../model/message-decorators.js';
import type { MessageDefinition } from '../model/message-definition.js';
import { Upcaster, upcaster } from '../model/upcaster.js';
import type { OldEvent, UpcasterDefinition } from '../model/upcaster-definition.js';
import { DuplicateNameError, UpcastError } from './errors.js';
import { Schema } from './schema.js';

const schemaOf = (...definitions: readonly (UpcasterDefinition | MessageDefinition)[]): Schema => {
  const schema = new Schema();
  for (const definition of definitions) schema.register(definition);
  schema.seal();
  return schema;
};

const recorded = (type: string, schemaVersion: number, data: unknown): RecordedEvent => ({
  id: newId(),
  stream: 's-1',
  version: 3,
  position: 9n,
  type,
  schemaVersion,
  data,
  metadata: { userId: 'u' },
  recordedAt: new Date(5),
});

const renamed = { type: 'b', version: 1 };

@Event({ name: 'paid', version: 3 })
class Paid {
  constructor(
    readonly cents: number,
    readonly currency: string,
    readonly by: string,
  ) {}

  @Upcaster({ from: 1 })
  static inCents(data: { readonly euros: number }) {
    return { cents: data.euros * 100 };
  }

  @Upcaster({ from: 2 })
  static withCurrency(data: { readonly cents: number }, old: OldEvent) {
    return { ...data, currency: 'EUR', by: old.metadata.userId };
  }
}

const paid = definitionsOf(Paid) as readonly MessageDefinition[];

describe('upcasting', () => {
  it('leads through the chain to an instance, with metadata at hand, and keeps the rest of the event', () => {
    const schema = schemaOf(...paid);
    const stored = recorded('paid', 1, { euros: 3 });
    const [event] = schema.readOne(stored);
    expect(event).toEqual({ ...stored, schemaVersion: 3, data: { cents: 300, currency: 'EUR', by: 'u' } });
    expect(event?.data).toBeInstanceOf(Paid);
    expect(schema.readOne(recorded('paid', 2, { cents: 5 }))[0]?.data).toMatchObject({
      cents: 5,
      currency: 'EUR',
    });
    expect(schema.latestVersion('paid')).toBe(3);
  });

  it('renames, splits and drops, in the order of the log', () => {
    const schema = schemaOf(
      upcaster({ event: 'a', from: 1, to: renamed, upcast: (data) => data }),
      upcaster({
        event: 'b',
        from: 1,
        to: [
          { type: 'c', version: 1 },
          { type: 'd', version: 1 },
        ],
        upcast: (data: { readonly n: number }, old) => [
          { type: 'c', version: 1, data: data.n },
          { type: 'd', version: 1, data: data.n + 1, metadata: { ...old.metadata, split: true } },
        ],
      }),
      upcaster({ event: 'gone', from: 1, to: [], upcast: () => [] }),
    );
    const kept = recorded('kept', 1, {});
    const a = recorded('a', 1, { n: 1 });
    const read = schema.read([kept, a, recorded('gone', 1, {}), kept]);
    expect(read.map(({ type, data }) => [type, data])).toEqual([
      ['kept', {}],
      ['c', 1],
      ['d', 2],
      ['kept', {}],
    ]);
    expect(read[2]?.metadata).toEqual({ userId: 'u', split: true });
    expect(new Set(read.slice(1, 3).map(({ id }) => id))).toEqual(new Set([a.id]));
  });

  it('widens filters to all types that may become the wanted ones', () => {
    const schema = schemaOf(
      upcaster({ event: 'a', from: 1, to: renamed, upcast: (data) => data }),
      upcaster({ event: 'b', from: 1, to: { type: 'c', version: 1 }, upcast: (data) => data }),
      upcaster({ event: 'x', from: 1, to: 2, upcast: (data) => data }),
    );
    expect(new Set(schema.sourceTypes(['c', 'free']))).toEqual(new Set(['c', 'b', 'a', 'free']));
    expect(schema.sourceTypes(['a'])).toEqual(['a']);
    expect(schema.sourceTypes(['x'])).toEqual(['x']);
  });

  it('gives new events without a class the newest version that upcasters lead to', () => {
    const schema = schemaOf(upcaster({ event: 'x', from: 1, upcast: (data) => data }));
    expect(schema.toEvent({ type: 'x', data: 1 }, {}).schemaVersion).toBe(2);
    expect(schema.latestVersion('unknown')).toBe(1);
  });

  it('compiled chains do what the steps do one after another', () => {
    const step = fc.record({
      factor: fc.integer({ min: -3, max: 3 }),
      copies: fc.integer({ min: 0, max: 3 }),
    });
    fc.assert(
      fc.property(
        fc.array(step, { minLength: 1, maxLength: 6 }),
        fc.integer(),
        fc.nat(5),
        (steps, value, at) => {
          const from = Math.min(at, steps.length - 1);
          const apply = (data: number, index: number): readonly number[] => {
            const { factor = 0, copies = 0 } = steps[index] ?? {};
            return Array.from({ length: copies }, (_, copy) => (data * factor + copy) % 1_000);
          };
          let expected: readonly number[] = [value];
          for (let index = from; index < steps.length; index++) {
            expected = expected.flatMap((data) => apply(data, index));
          }
          const schema = schemaOf(
            ...steps.map((_, index) =>
              upcaster({
                event: 'e',
                from: index + 1,
                to: [{ type: 'e', version: index + 2 }],
                upcast: (data: number) => apply(data, index).map((made) => ({ data: made })),
              }),
            ),
          );
          expect(schema.readOne(recorded('e', from + 1, value)).map(({ data }) => data)).toEqual(expected);
        },
      ),
    );
  });
});

describe('the checks of upcasters', () => {
  const same = (data: unknown) => data;

  it('finds gaps', () => {
    expect(() => schemaOf(upcaster({ event: 'x', from: 2, upcast: same }))).toThrow(
      /Nothing upcasts "x" version 1/,
    );
    const [definition] = paid;
    expect(() => definition && schemaOf({ ...definition, upcasters: [] })).toThrow(
      /Nothing upcasts "paid" version 1/,
    );
  });

  it('finds cycles', () => {
    const there = upcaster({ event: 'a', from: 1, to: renamed, upcast: same });
    const back = upcaster({ event: 'b', from: 1, to: { type: 'a', version: 1 }, upcast: same });
    expect(() => schemaOf(there, back)).toThrow(/circle: "a" version 1 → "b" version 1 → "a" version 1/);
    expect(() => schemaOf(upcaster({ event: 'a', from: 1, to: 1, upcast: same }))).toThrow(/circle/);
  });

  it('finds two upcasters for one version, naming both places', () => {
    const one = upcaster({ event: 'x', from: 1, upcast: same });
    const other = upcaster({ event: 'x', from: 1, upcast: same });
    expect(schemaOf(one, one).latestVersion('x')).toBe(2);
    expect(() => schemaOf(one, other)).toThrow(DuplicateNameError);
    expect(() => schemaOf(one, other)).toThrow(/upcasting\.test\.ts:\d+:\d+.*upcasting\.test\.ts:\d+:\d+/);
  });

  it('finds targets that do not exist and upcasters from the newest version', () => {
    const beyond = upcaster({ event: 'old', from: 1, to: { type: 'paid', version: 4 }, upcast: same });
    expect(() => schemaOf(...paid, beyond)).toThrow(/"paid" version 4, which does not exist/);
    expect(() => schemaOf(...paid, upcaster({ event: 'paid', from: 3, upcast: same }))).toThrow(
      /set its version to 4/,
    );
  });

  it('checks again after a later registration', () => {
    const schema = schemaOf(...paid);
    schema.register(upcaster({ event: 'paid', from: 7, upcast: same }));
    expect(() => schema.seal()).toThrow(/set its version to 8/);
  });
});

describe('an upcaster that misbehaves', () => {
  const read = (definition: UpcasterDefinition) => () =>
    schemaOf(definition).readOne(recorded('x', 1, { secret: 'hunter2' }));

  it('is named together with the event, without its data', () => {
    const cause = new Error('broken');
    const failing = read(
      upcaster({
        event: 'x',
        from: 1,
        upcast: () => {
          throw cause;
        },
      }),
    );
    expect(failing).toThrow(UpcastError);
    expect(failing).toThrow(/failed on event 3 of stream "s-1"/);
    expect(failing).toThrow(expect.objectContaining({ cause }));
    expect(failing).not.toThrow(/hunter2/);
  });

  it('is refused what it did not declare, no data, and no list', () => {
    expect(read(upcaster({ event: 'x', from: 1, upcast: () => undefined }))).toThrow(/returned no data/);
    const to = [{ type: 'x', version: 2 }];
    expect(read(upcaster({ event: 'x', from: 1, to, upcast: () => [{ type: 'y', data: 1 }] }))).toThrow(
      /returned "y" version 2, which its "to" does not list/,
    );
    const single = upcaster({ event: 'x', from: 1, to, upcast: () => [] });
    const noList: UpcasterDefinition = { ...single, upcast: () => JSON.parse('{}') };
    expect(read(noList)).toThrow(/must return a list/);
  });
});
