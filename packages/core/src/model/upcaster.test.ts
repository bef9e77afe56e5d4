import { describe, expect, it } from '@jest/globals';
import { definitionsOf } from './definitions-of.js';
import { Event } from './message-decorators.js';
import type { MessageDefinition } from './message-definition.js';
import { Upcaster, upcaster } from './upcaster.js';
import type { OldEvent, UpcasterDefinition } from './upcaster-definition.js';

const old = (data: unknown): OldEvent => ({
  type: 'x',
  version: 1,
  data,
  metadata: { userId: 'u' },
  stream: 's',
  recordedAt: new Date(0),
});

describe('@Upcaster', () => {
  it('on an event belongs to the type, and is not inherited by another', () => {
    @Event({ name: 'base', version: 2 })
    class Base {
      @Upcaster({ from: 1 })
      static first(data: { readonly n: number }) {
        return { n: data.n + 1 };
      }
    }
    @Event({ name: 'derived' })
    class Derived extends Base {}
    const [base] = definitionsOf(Base) as readonly MessageDefinition[];
    const [derived] = definitionsOf(Derived) as readonly MessageDefinition[];
    expect(definitionsOf(Base)).toHaveLength(1);
    expect(base?.upcasters).toMatchObject([
      { from: { type: 'base', version: 1 }, to: [{ type: 'base', version: 2 }] },
    ]);
    expect(base?.upcasters?.[0]?.upcast(old({ n: 1 }))).toEqual([
      { type: 'base', version: 2, data: { n: 2 } },
    ]);
    expect(derived?.upcasters).toEqual([]);
  });

  it('on any other class names the event, and is registered with the class', () => {
    class History {
      readonly kept = true;
      static readonly suffix = '!';

      @Upcaster({ event: 'a', from: 1, to: { type: 'b', version: 4 } })
      static rename(data: string, event: OldEvent) {
        return `${data}${this.suffix}${event.metadata.userId}`;
      }

      @Upcaster({ event: 'c', from: 2, to: [] })
      static drop() {
        return [];
      }
    }
    const [rename, drop] = definitionsOf(History) as readonly UpcasterDefinition[];
    expect(rename?.upcast(old('x'))).toEqual([{ type: 'b', version: 4, data: 'x!u' }]);
    expect(rename).toMatchObject({ kind: 'upcaster', name: 'a@1' });
    expect(drop).toMatchObject({ from: { type: 'c', version: 2 }, to: [] });
    expect(drop?.upcast(old(1))).toEqual([]);
  });

  it('is refused without an event, and on a method that is not static', () => {
    class Nameless {
      readonly kept = true;

      @Upcaster({ from: 1 })
      static up(data: unknown) {
        return data;
      }
    }
    class Instance {
      up(data: unknown) {
        return data;
      }
    }
    // The compiler refuses it; plain JavaScript would not.
    Reflect.apply(Upcaster({ event: 'x', from: 1 }), undefined, [Instance.prototype, 'up']);
    expect(() => definitionsOf(Nameless)).toThrow(/does not say of which event/);
    expect(() => definitionsOf(Instance)).toThrow(/stands on no static method: write "static up/);
  });
});

describe('upcaster', () => {
  it('refuses names and versions that cannot be', () => {
    const upcast = (data: unknown) => data;
    expect(() => upcaster({ event: '', from: 1, upcast })).toThrow(/needs an explicit name/);
    expect(() => upcaster({ event: 'x', from: 0, upcast })).toThrow(/versions are integers from 1/);
    expect(() => upcaster({ event: 'x', from: 1, to: 1.5, upcast })).toThrow(/versions are integers from 1/);
  });
});
