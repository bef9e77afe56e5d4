import { describe, expect, it } from '@jest/globals';
import { IsDate, IsString } from 'class-validator';
import type { AggregateDefinition, CommandContext } from './aggregate-definition.js';
import { Aggregate, Apply, MissingTargetError } from './aggregate.js';
import { CommandHandler } from './command-handler.js';
import { definitionsOf } from './definitions-of.js';
import type { Class } from './definition.js';
import { AggregateId, Command, Event } from './message-decorators.js';

@Command({ name: 'place-order' })
class PlaceOrder {
  @AggregateId() @IsString() readonly orderId: string;
  constructor(orderId: string) {
    this.orderId = orderId;
  }
}

@Command({ name: 'cancel-order' })
class CancelOrder {
  @AggregateId() readonly orderId = '1';
}

@Event({ name: 'order-placed' })
class OrderPlaced {
  constructor(readonly orderId: string) {}
}

@Aggregate({ name: 'order', snapshots: 10 })
class Order {
  @AggregateId() readonly id!: string;
  @IsDate() since: Date = new Date(0);
  log: string[] = [];

  @CommandHandler()
  place(command: PlaceOrder, context: CommandContext) {
    this.since = new Date(context.version);
    return new OrderPlaced(command.orderId);
  }

  @CommandHandler(CancelOrder)
  *cancel(_command: CancelOrder) {
    yield new OrderPlaced('a');
    yield new OrderPlaced('b');
  }

  @Apply()
  placed(event: OrderPlaced) {
    this.log.push(event.orderId);
  }

  @Apply('legacy-event')
  legacy(data: { readonly n: number }) {
    this.log.push(`legacy ${data.n}`);
  }
}

const aggregateOf = (type: Class): AggregateDefinition<object, object> => {
  const [definition] = definitionsOf(type);
  if (definition?.kind !== 'aggregate') throw new Error('no aggregate');
  return definition as AggregateDefinition<object, object>;
};

const context = { version: 7 } as CommandContext;
const applied = (type: string, data: unknown) => ({ type, data, metadata: {} });

describe('@Aggregate', () => {
  const definition = aggregateOf(Order);

  it('is a plain definition with its commands and the classes that it mentions', () => {
    expect(definition).toMatchObject({
      kind: 'aggregate',
      name: 'order',
      commands: ['place-order', 'cancel-order'],
    });
    expect(definition.messages.map(({ name, class: type }) => [name, type])).toEqual([
      ['place-order', PlaceOrder],
      ['cancel-order', CancelOrder],
      ['order-placed', OrderPlaced],
    ]);
    expect(definition.definedAt).toMatch(/aggregate\.test\.ts:\d+:\d+$/);
    expect(definitionsOf(Order)[0]).toBe(definition);
  });

  it('gives a new state its id', () => {
    expect(definition.initialState('42')).toEqual(Object.assign(new Order(), { id: '42' }));
  });

  it('finds the aggregate that a command is for', () => {
    expect(definition.targetOf(new PlaceOrder('9'))).toBe('9');
    expect(() => definition.targetOf(new PlaceOrder(''))).toThrow(MissingTargetError);
    expect(() => definition.targetOf(new OrderPlaced('1'))).toThrow(
      /Order has no @CommandHandler for OrderPlaced/,
    );
  });

  it('decides by the method of the command, with the context', () => {
    const state = definition.initialState('1');
    expect(definition.decide(new PlaceOrder('5'), state, context)).toEqual(new OrderPlaced('5'));
    expect(state).toMatchObject({ since: new Date(7) });
    const many = definition.decide(new CancelOrder(), state, context) as Iterable<unknown>;
    expect([...many]).toHaveLength(2);
    expect(() => definition.decide({}, state, context)).toThrow(/no @CommandHandler for Object/);
  });

  it('applies events by their method; others leave the state as it is', () => {
    const state = definition.initialState('1');
    expect(definition.evolve(state, applied('order-placed', new OrderPlaced('x')))).toBe(state);
    definition.evolve(state, applied('legacy-event', { n: 2 }));
    definition.evolve(state, applied('something-else', {}));
    expect(state).toMatchObject({ log: ['x', 'legacy 2'] });
  });

  it('restores a snapshot into a state of the class', () => {
    const state = Object.assign(definition.initialState('1'), { since: new Date(5), log: ['x'] });
    const saved: unknown = JSON.parse(JSON.stringify(definition.snapshots?.save?.(state)));
    expect(definition.snapshots?.every).toBe(10);
    expect(definition.snapshots?.restore?.(saved, '1')).toStrictEqual(state);
    expect(definition.snapshots?.restore?.(null, '1')).toEqual(definition.initialState('1'));
  });

  it('uses a snapshot policy of its own', () => {
    @Aggregate({
      name: 'counter',
      snapshots: {
        every: 2,
        schemaVersion: 3,
        save: (state: { readonly count: number }) => state.count,
        restore: (saved) => Object.assign(new Counter(), { count: saved }),
      },
    })
    class Counter {
      count = 0;
    }
    const { snapshots } = aggregateOf(Counter);
    expect(snapshots).toMatchObject({ every: 2, schemaVersion: 3 });
    expect(snapshots?.save?.(Object.assign(new Counter(), { count: 4 }))).toBe(4);
    expect(snapshots?.restore?.(4, 'x')).toEqual(Object.assign(new Counter(), { count: 4 }));
  });

  it('inherits handlers; an override counts once, and subclasses need a name of their own', () => {
    @Aggregate({ name: 'special-order' })
    class SpecialOrder extends Order {
      @Apply()
      override placed(event: OrderPlaced) {
        this.log.push(`special ${event.orderId}`);
      }
    }
    class Nameless extends Order {}
    const special = aggregateOf(SpecialOrder);
    const state = special.initialState('1');
    special.evolve(state, applied('order-placed', new OrderPlaced('x')));
    expect(state).toMatchObject({ log: ['special x'], id: '1' });
    expect(special.commands).toEqual(definition.commands);
    expect(() => aggregateOf(Nameless)).toThrow('no aggregate');
  });
});

describe('an aggregate that is put together wrongly is refused at registration', () => {
  it('with constructor parameters', () => {
    @Aggregate({ name: 'x' })
    class Injected {
      constructor(readonly service: Order) {}
    }
    expect(() => definitionsOf(Injected)).toThrow(/has a constructor with parameters.*context\.services/s);
  });

  it('with a command that names no target, or two', () => {
    @Command({ name: 'aimless' })
    class Aimless {}
    @Command({ name: 'torn' })
    class Torn {
      @AggregateId() a = '';
      @AggregateId() b = '';
    }
    @Aggregate({ name: 'x' })
    class First {
      @CommandHandler() on(_command: Aimless) {}
    }
    @Aggregate({ name: 'y' })
    class Second {
      @CommandHandler() on(_command: Torn) {}
    }
    expect(() => definitionsOf(First)).toThrow(/Aimless .* does not say which aggregate.*add @AggregateId/s);
    expect(() => definitionsOf(Second)).toThrow(/Torn has @AggregateId on "a" and on "b"/);
  });

  it('with two handlers for one message, or one on a static method', () => {
    @Aggregate({ name: 'x' })
    class Twice {
      @Apply() one(_event: OrderPlaced) {}
      @Apply() two(_event: OrderPlaced) {}
    }
    @Aggregate({ name: 'y' })
    class Static {
      @Apply(OrderPlaced) static one(_event: OrderPlaced) {}
    }
    expect(() => definitionsOf(Twice)).toThrow(/Twice handles "order-placed" twice/);
    expect(() => definitionsOf(Static)).toThrow(/stands on a static method/);
  });

  it('with an @Apply that is asynchronous, as soon as it runs', () => {
    @Aggregate({ name: 'x' })
    class Slow {
      @Apply() async one(_event: OrderPlaced) {}
    }
    const slow = aggregateOf(Slow);
    expect(() => slow.evolve(new Slow(), applied('order-placed', {}))).toThrow(
      /must be applied synchronously/,
    );
  });

  it('pitfall 20: without an explicit name', () => {
    for (const name of ['', 'x'.repeat(201), 'a\0b', JSON.parse('null')]) {
      expect(() => Aggregate({ name })).toThrow(
        /@Aggregate at .*aggregate\.test\.ts.* needs an explicit name/,
      );
    }
    expect(() => Event({ name: 'x', version: 0 })).toThrow(/versions are integers from 1/);
  });
});
