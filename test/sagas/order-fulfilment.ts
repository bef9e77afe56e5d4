import { Aggregate, AggregateId, Apply, Command, CommandHandler, Event, On } from '@tidemark/core';
import {
  CorrelatedBy,
  OnApproval,
  OnCompleted,
  OnFailed,
  OnTimer,
  Saga,
  Starts,
  type ApprovalDecision,
  type SagaContext,
  type StepFailure,
} from '@tidemark/sagas';

// An order is paid, its goods are packed side by side, a person releases what is expensive, and a parcel service takes
// it. Whatever goes wrong on the way, everything that was done is undone, last first.

@Event({ name: 'order.placed' })
export class OrderPlaced {
  constructor(
    readonly orderId: string,
    readonly goods: readonly string[],
    readonly price: number,
  ) {}
}

@Event({ name: 'payment.charged' })
export class PaymentCharged {
  constructor(readonly orderId: string) {}
}

@Event({ name: 'payment.refunded' })
export class PaymentRefunded {
  constructor(readonly orderId: string) {}
}

@Event({ name: 'goods.packed' })
export class GoodsPacked {
  constructor(
    readonly orderId: string,
    readonly goods: string,
  ) {}
}

@Event({ name: 'goods.unpacked' })
export class GoodsUnpacked {
  constructor(
    readonly orderId: string,
    readonly goods: string,
  ) {}
}

@Event({ name: 'parcel.collected' })
export class ParcelCollected {
  constructor(readonly orderId: string) {}
}

@Event({ name: 'parcel.called' })
export class ParcelServiceCalled {
  constructor(readonly orderId: string) {}
}

@Command({ name: 'order.place' })
export class PlaceOrder {
  @AggregateId() readonly orderId: string;
  constructor(
    orderId: string,
    readonly goods: readonly string[],
    readonly price: number,
  ) {
    this.orderId = orderId;
  }
}

@Command({ name: 'payment.charge' })
export class Charge {
  @AggregateId() readonly orderId: string;
  constructor(orderId: string) {
    this.orderId = orderId;
  }
}

@Command({ name: 'payment.refund' })
export class Refund {
  @AggregateId() readonly orderId: string;
  constructor(orderId: string) {
    this.orderId = orderId;
  }
}

@Command({ name: 'goods.pack' })
export class Pack {
  @AggregateId() readonly orderId: string;
  constructor(
    orderId: string,
    readonly goods: string,
  ) {
    this.orderId = orderId;
  }
}

@Command({ name: 'goods.unpack' })
export class Unpack {
  @AggregateId() readonly orderId: string;
  constructor(
    orderId: string,
    readonly goods: string,
  ) {
    this.orderId = orderId;
  }
}

@Command({ name: 'parcel.call' })
export class CallParcelService {
  @AggregateId() readonly orderId: string;
  constructor(orderId: string) {
    this.orderId = orderId;
  }
}

@Command({ name: 'parcel.collect' })
export class CollectParcel {
  @AggregateId() readonly orderId: string;
  constructor(orderId: string) {
    this.orderId = orderId;
  }
}

/** Does what it is told, but packs no lead, and charges nobody who is broke. */
@Aggregate({ name: 'order' })
export class Order {
  packed: string[] = [];
  charged = false;

  @CommandHandler() place({ orderId, goods, price }: PlaceOrder) {
    return new OrderPlaced(orderId, goods, price);
  }

  @CommandHandler() charge({ orderId }: Charge) {
    if (orderId.startsWith('broke')) throw new Error('the card is empty');
    return new PaymentCharged(orderId);
  }

  @CommandHandler() refund({ orderId }: Refund) {
    return this.charged ? new PaymentRefunded(orderId) : undefined;
  }

  @CommandHandler() pack({ orderId, goods }: Pack) {
    if (goods === 'lead') throw new Error('lead is too heavy');
    return new GoodsPacked(orderId, goods);
  }

  @CommandHandler() unpack({ orderId, goods }: Unpack) {
    return this.packed.includes(goods) ? new GoodsUnpacked(orderId, goods) : undefined;
  }

  @CommandHandler() call({ orderId }: CallParcelService) {
    return new ParcelServiceCalled(orderId);
  }

  @CommandHandler() collect({ orderId }: CollectParcel) {
    return new ParcelCollected(orderId);
  }

  @Apply(PaymentCharged) onCharged() {
    this.charged = true;
  }

  @Apply(PaymentRefunded) onRefunded() {
    this.charged = false;
  }

  @Apply() onPacked({ goods }: GoodsPacked) {
    this.packed.push(goods);
  }

  @Apply() onUnpacked({ goods }: GoodsUnpacked) {
    this.packed = this.packed.filter((other) => other !== goods);
  }
}

@Saga({ name: 'fulfilment', events: [GoodsPacked] })
export class Fulfilment {
  orderId = '';
  goods: readonly string[] = [];
  price = 0;
  reminders = 0;

  @Starts({ key: (order: OrderPlaced) => order.orderId })
  placed(order: OrderPlaced, saga: SagaContext) {
    this.orderId = order.orderId;
    this.goods = order.goods;
    this.price = order.price;
    saga.step('charge', {
      command: new Charge(order.orderId),
      retry: { attempts: 2, delay: '1s' },
      inverse: new Refund(order.orderId),
    });
  }

  @OnCompleted('charge') charged(saga: SagaContext) {
    for (const goods of this.goods) {
      saga.step('pack', {
        key: goods,
        command: new Pack(this.orderId, goods),
        completedBy: GoodsPacked,
        deadline: '10m',
        inverse: new Unpack(this.orderId, goods),
      });
    }
  }

  @OnCompleted('pack') packed(saga: SagaContext) {
    if (this.price > 100) {
      saga.requestApproval('release', { question: `Release an order of ${this.price}?`, deadline: '1d' });
    } else this.#call(saga);
  }

  @OnApproval('release') released(decision: ApprovalDecision, saga: SagaContext) {
    if (decision.outcome === 'approved') this.#call(saga);
    else saga.compensate(`not released: ${decision.comment ?? decision.outcome}`);
  }

  @OnTimer('remind') remind(saga: SagaContext) {
    this.reminders += 1;
    saga.timer('remind', { after: '2h' });
  }

  @On()
  @CorrelatedBy((event: ParcelCollected) => event.orderId)
  collected(_: ParcelCollected, saga: SagaContext) {
    saga.cancelTimer('remind');
    saga.complete({ reminders: this.reminders });
  }

  @OnFailed('collect') notCollected(failure: StepFailure, saga: SagaContext) {
    saga.compensate(`nobody collected the parcel: ${failure.reason}`);
  }

  #call(saga: SagaContext): void {
    saga.step('call', { command: new CallParcelService(this.orderId) });
    saga.step('collect', { completedBy: ParcelCollected, deadline: '1d' });
    saga.timer('remind', { after: '2h' });
  }
}

/** What an application registers for all of this. */
export const orderFulfilment = [Order, Fulfilment, ParcelServiceCalled];
