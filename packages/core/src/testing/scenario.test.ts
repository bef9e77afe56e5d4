import { describe, expect, it } from '@jest/globals';
import { IsPositive } from 'class-validator';
import { Container } from 'inversify';
import { Aggregate, Apply } from '../model/aggregate.js';
import type { CommandContext } from '../model/aggregate-definition.js';
import { CommandHandler } from '../model/command-handler.js';
import { decider } from '../model/decider.js';
import { AggregateId, Command, Event } from '../model/message-decorators.js';
import { upcaster } from '../model/upcaster.js';
import { ValidationError } from '../schema/errors.js';
import { scenario } from './scenario.js';

@Event({ name: 'item-added', version: 2 })
class ItemAdded {
  readonly sku: string;
  @IsPositive() readonly count: number;
  constructor(sku: string, count: number) {
    this.sku = sku;
    this.count = count;
  }
}

@Command({ name: 'add-item' })
class AddItem {
  @AggregateId() readonly basket: string;
  readonly sku: string;
  @IsPositive() readonly count: number;
  constructor(basket: string, sku: string, count: number) {
    this.basket = basket;
    this.sku = sku;
    this.count = count;
  }
}

@Command({ name: 'cheat' })
class Cheat {
  @AggregateId() readonly basket = '1';
  readonly fails: boolean;
  constructor(fails: boolean) {
    this.fails = fails;
  }
}

class TooMany extends Error {}

class Limits {
  most = 5;
}

@Aggregate({ name: 'basket' })
class Basket {
  @AggregateId() id = '';
  items: Record<string, number> = {};

  @CommandHandler() *add({ sku, count }: AddItem, context: CommandContext) {
    if (count > context.services.get(Limits).most) throw new TooMany(`${count} are too many`);
    if (this.items[sku] !== count) yield new ItemAdded(sku, count);
  }

  @CommandHandler() cheat({ fails }: Cheat) {
    this.items['stolen'] = 1;
    if (fails) throw new TooMany('caught');
  }

  @Apply() added({ sku, count }: ItemAdded) {
    this.items[sku] = count;
  }
}

const container = new Container();
container.bind(Limits).toSelf();

const basket = scenario(Basket, {
  services: container,
  register: [
    upcaster({ event: 'item-added', from: 1, upcast: (data: { sku: string }) => ({ ...data, count: 1 }) }),
  ],
});

/** What a check says when it does not hold. */
const complaint = async (check: Promise<void>): Promise<string> => {
  try {
    await check;
  } catch (error) {
    return error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  }
  throw new Error('The check held.');
};

describe('a scenario of an aggregate', () => {
  it('compares events, refusals, nothing and the state', async () => {
    await basket.when(new AddItem('1', 'pen', 2)).thenEvents(new ItemAdded('pen', 2));
    await basket
      .when(new AddItem('1', 'pen', 2))
      .thenEvents({ type: 'item-added', data: { sku: 'pen', count: 2 } });
    const withPens = basket.given(new ItemAdded('pen', 2));
    await withPens.when(new AddItem('1', 'pen', 2)).thenNothing();
    await withPens.when(new AddItem('1', 'pen', 9)).thenFails();
    await withPens.when(new AddItem('1', 'pen', 9)).thenFails(TooMany);
    await withPens.when(new AddItem('1', 'pen', 9)).thenFails('too many');
    await withPens.when(new AddItem('1', 'pen', 9)).thenFails(/^9 are/);
    await withPens.when(new AddItem('7', 'ink', 1)).thenState({ id: '7', items: { pen: 2, ink: 1 } });
    await withPens.thenState({ items: { pen: 2 } });
    await withPens.thenState({ id: '9' }, '9');
  });

  it('validates commands and events as in earnest', async () => {
    await basket.when(new AddItem('1', 'pen', -2)).thenFails(ValidationError);
    await basket
      .when({ type: 'add-item', data: { basket: '1', sku: 'pen', count: -2 } })
      .thenFails(ValidationError);
    await expect(
      basket
        .given(new ItemAdded('pen', -1))
        .when(new AddItem('1', 'pen', 1))
        .thenNothing(),
    ).rejects.toThrow(ValidationError);
  });

  it('reads old events through the upcasters', async () => {
    await basket
      .given({ type: 'item-added', schemaVersion: 1, data: { sku: 'pen' } })
      .when(new AddItem('1', 'ink', 1))
      .thenState({ items: { pen: 1, ink: 1 } });
  });

  it('shows the differences between the events', async () => {
    const message = await complaint(
      basket.when(new AddItem('1', 'pen', 2)).thenEvents(new ItemAdded('pen', 3)),
    );
    expect(message).toContain('The command led to other events.');
    expect(message).toMatch(/\+\s+count: 2/);
    expect(message).toMatch(/-\s+count: 3/);
  });

  it('says what came instead of nothing, of a refusal, and of the state', async () => {
    expect(await complaint(basket.when(new AddItem('1', 'pen', 2)).thenNothing())).toContain(
      'but nothing was expected',
    );
    expect(await complaint(basket.when(new AddItem('1', 'pen', 2)).thenFails())).toContain(
      'should have failed, but led to:\n  {"type":"item-added","data":{"sku":"pen","count":2}}',
    );
    expect(
      await complaint(
        basket
          .given(new ItemAdded('pen', 2))
          .when(new AddItem('1', 'pen', 2))
          .thenFails(),
      ),
    ).toContain('should have failed, but led to nothing.');
    expect(await complaint(basket.when(new AddItem('1', 'pen', 2)).thenState({ items: {} }))).toContain(
      'The state is another one.',
    );
  });

  it('says when the refusal is another one', async () => {
    const refused = basket.when(new AddItem('1', 'pen', 9));
    expect(await complaint(refused.thenFails(RangeError))).toContain(
      'failed with\n  TooMany: 9 are too many\nbut a RangeError was expected.',
    );
    expect(await complaint(refused.thenFails('too few'))).toContain('its message should contain\n  too few');
    expect(await complaint(refused.thenFails(/few/))).toContain('its message should match\n  /few/');
  });

  it('lets an unexpected refusal through as it is', async () => {
    const refused = basket.when(new AddItem('1', 'pen', 9));
    await expect(refused.thenEvents(new ItemAdded('pen', 9))).rejects.toThrow(TooMany);
    await expect(refused.thenNothing()).rejects.toThrow(TooMany);
    await expect(refused.thenState({})).rejects.toThrow(TooMany);
  });

  it('finds a handler that changes the state itself, also if it then fails', async () => {
    for (const fails of [false, true]) {
      const message = await complaint(basket.when(new Cheat(fails)).thenNothing());
      expect(message).toContain('The handler of "cheat" changed the state of aggregate "basket" itself.');
      expect(message).toMatch(/\+\s+stolen: 1/);
    }
  });

  it('passes metadata on, and works for deciders whose state is no object', async () => {
    const tally = decider({
      name: 'tally',
      commands: ['count'],
      initialState: () => 0,
      decide: (_command: { type: 'count'; data: { id: string } }, state, context) =>
        context.userId === 'ann' ? { type: 'counted' as const, data: { at: state } } : [],
      evolve: (state, _event: { type: 'counted'; data: { at: number } }) => state + 1,
      target: ({ data }) => data.id,
    });
    const count = { type: 'count', data: { id: '1' } };
    await scenario(tally)
      .given({ type: 'counted', data: { at: 0 } })
      .when(count, { userId: 'ann' })
      .thenState(2);
    await scenario(tally).when(count).thenNothing();
    expect(await complaint(scenario(tally).thenState(1))).toContain('The state is another one.');
  });

  it('is only for aggregates', () => {
    expect(() => scenario(ItemAdded)).toThrow('ItemAdded is no aggregate');
  });
});
