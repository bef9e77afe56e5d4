import { describe, expect, it } from '@jest/globals';
import { IsNotEmpty, IsPositive } from 'class-validator';
import { Aggregate, Apply } from '../model/aggregate.js';
import { CommandHandler } from '../model/command-handler.js';
import { AggregateId, Command, Event } from '../model/message-decorators.js';
import { scenario } from './scenario.js';
import { testApp } from './test-app.js';

// Events: what has happened. Their names are stored, so they are explicit and stay when a class is renamed.

@Event({ name: 'order-placed' })
class OrderPlaced {
  @IsNotEmpty() readonly orderId: string;
  @IsPositive() readonly total: number;

  constructor(orderId: string, total: number) {
    this.orderId = orderId;
    this.total = total;
  }
}

@Event({ name: 'order-cancelled' })
class OrderCancelled {
  @IsNotEmpty() readonly reason: string;

  constructor(reason: string) {
    this.reason = reason;
  }
}

// Commands: what someone wants. @AggregateId says which order it is for.

@Command({ name: 'place-order' })
class PlaceOrder {
  @AggregateId() readonly orderId: string;
  @IsPositive() readonly total: number;

  constructor(orderId: string, total: number) {
    this.orderId = orderId;
    this.total = total;
  }
}

@Command({ name: 'cancel-order' })
class CancelOrder {
  @AggregateId() readonly orderId: string;
  @IsNotEmpty() readonly reason: string;

  constructor(orderId: string, reason: string) {
    this.orderId = orderId;
    this.reason = reason;
  }
}

class OrderNotPlaced extends Error {}

// The aggregate: handlers decide and return events; only events change the fields.

@Aggregate({ name: 'order' })
class Order {
  status: 'new' | 'placed' | 'cancelled' = 'new';
  total = 0;

  @CommandHandler() place(command: PlaceOrder) {
    if (this.status !== 'new') return undefined;
    return new OrderPlaced(command.orderId, command.total);
  }

  @CommandHandler() cancel(command: CancelOrder) {
    if (this.status === 'new') throw new OrderNotPlaced('There is no such order.');
    return this.status === 'cancelled' ? [] : [new OrderCancelled(command.reason)];
  }

  @Apply() placed(event: OrderPlaced) {
    this.status = 'placed';
    this.total = event.total;
  }

  @Apply(OrderCancelled) cancelled() {
    this.status = 'cancelled';
  }
}

describe('an order', () => {
  const order = scenario(Order);
  const placed = order.given(new OrderPlaced('o-1', 40));

  it('is placed', () => order.when(new PlaceOrder('o-1', 40)).thenEvents(new OrderPlaced('o-1', 40)));

  it('is placed only once', () => placed.when(new PlaceOrder('o-1', 40)).thenNothing());

  it('is cancelled', () =>
    placed.when(new CancelOrder('o-1', 'too dear')).thenState({ status: 'cancelled', total: 40 }));

  it('must be placed to be cancelled', () =>
    order.when(new CancelOrder('o-1', 'too dear')).thenFails(OrderNotPlaced));

  it('lives in an application', async () => {
    const { app } = await testApp({ register: [Order] });
    await app.send(new PlaceOrder('o-1', 40));
    const result = await app.send(new CancelOrder('o-1', 'too dear'), { metadata: { userId: 'ann' } });
    expect(result).toMatchObject({ stream: 'order-o-1', version: 1 });
    expect(result.events[0]?.metadata.userId).toBe('ann');
    await expect(app.load(Order, 'o-1')).resolves.toMatchObject({
      state: { status: 'cancelled' },
      version: 1,
    });
    await app.stop();
  });
});
