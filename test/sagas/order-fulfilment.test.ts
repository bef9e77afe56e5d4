import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { createApp, memory, type Application, type Backend } from '@tidemark/core';
import { manualClock, type ManualClock } from '@tidemark/core/testing';
import { SagaNotFoundError, SagaStatusError, Sagas, type SagaStatus } from '@tidemark/sagas';
import {
  decides,
  misses,
  refuses,
  sagaScenario,
  accepts,
  causes,
  fires,
  retries,
  undoes,
} from '@tidemark/sagas/testing';
import {
  CallParcelService,
  Charge,
  CollectParcel,
  Fulfilment,
  GoodsPacked,
  Order,
  orderFulfilment,
  OrderPlaced,
  Pack,
  ParcelCollected,
  PlaceOrder,
  Refund,
  Unpack,
} from './order-fulfilment.js';

describe('the saga alone', () => {
  const placed = new OrderPlaced('o-1', ['vase', 'lamp'], 500);
  const packing = sagaScenario(Fulfilment).given(placed, accepts('charge'));
  const packed = packing.given(
    causes('pack/vase', new GoodsPacked('o-1', 'vase')),
    causes('pack/lamp', new GoodsPacked('o-1', 'lamp')),
  );
  const released = packed.given(decides({ approval: 'release', outcome: 'approved', by: 'ann' }));

  it('charges first', () => {
    sagaScenario(Fulfilment)
      .when(placed)
      .thenExpect({
        commands: [new Charge('o-1')],
        status: 'running',
        state: { orderId: 'o-1', reminders: 0 },
      });
  });

  it('packs the goods side by side, and asks for release once all are packed', () => {
    sagaScenario(Fulfilment)
      .given(placed)
      .when(accepts('charge'))
      .thenExpect({
        commands: [new Pack('o-1', 'vase'), new Pack('o-1', 'lamp')],
        steps: ['pack/vase', 'pack/lamp'],
      });
    packing.when(causes('pack/lamp', new GoodsPacked('o-1', 'lamp'))).thenExpect({ approvals: [] });
    packing
      .given(causes('pack/lamp', new GoodsPacked('o-1', 'lamp')))
      .when(causes('pack/vase', new GoodsPacked('o-1', 'vase')))
      .thenExpect({ approvals: ['release'], status: 'waiting', commands: [] });
  });

  it('calls the parcel service once released, and reminds until the parcel is collected', () => {
    packed.when(decides({ approval: 'release', outcome: 'approved', by: 'ann' })).thenExpect({
      commands: [new CallParcelService('o-1')],
      steps: ['call', 'collect'],
      timers: ['remind'],
    });
    released.when(fires('remind')).thenExpect({ timers: ['remind'], state: { reminders: 1 } });
    released
      .given(fires('remind'))
      .when(new ParcelCollected('o-1'))
      .thenExpect({ status: 'completed', result: { reminders: 1 }, timers: [] });
  });

  it('tries a refused charge again, then gives up with nothing to undo', () => {
    const refused = sagaScenario(Fulfilment).given(placed, refuses('charge', 'no'));
    refused.when(retries('charge')).thenExpect({ commands: [new Charge('o-1')] });
    refused
      .given(retries('charge'))
      .when(refuses('charge', 'no'))
      .thenExpect({ status: 'compensated', reason: 'step "charge" failed: no', inverses: [] });
  });

  it('undoes everything in reverse order when a deadline passes', () => {
    packing.when(misses('pack/vase')).thenExpect({
      status: 'compensating',
      inverses: [new Unpack('o-1', 'lamp'), new Unpack('o-1', 'vase'), new Refund('o-1')],
    });
    packing
      .given(misses('pack/vase'))
      .when(undoes('pack/lamp'))
      .thenExpect({ inverses: [new Unpack('o-1', 'vase'), new Refund('o-1')] });
  });

  it('says what differs', () => {
    expect(() => sagaScenario(Fulfilment).when(placed).thenExpect({ status: 'completed' })).toThrow(
      /\+ +status: 'running'\n- +status: 'completed'/,
    );
    expect(() => sagaScenario(Fulfilment).when(placed).thenNothing()).toThrow('nothing was expected');
    expect(() => sagaScenario(Fulfilment).when(accepts('charge'))).toThrow(
      'begins with an event that starts it',
    );
    expect(() => packed.when(fires('remind'))).toThrow('is not set');
    expect(() => packing.when(undoes('charge'))).toThrow('The next step to undo is none');
    expect(() => packing.when(accepts('fly'))).toThrow('No step "fly" was requested');
    expect(() => packing.when(decides({ approval: 'release', outcome: 'expired' }))).toThrow('is pending');
    expect(() => sagaScenario(Order)).toThrow('is no saga');
  });
});

describe('the saga in an application', () => {
  let clock: ManualClock;
  let backend: Backend;
  let app: Application;
  let sagas: Sagas;

  beforeEach(async () => {
    clock = manualClock();
    backend = memory({ clock });
    app = createApp({ backend, clock, register: orderFulfilment });
    await app.start();
    sagas = app.get(Sagas);
  });
  afterEach(() => app.stop());

  const reaches = async (key: string, status: SagaStatus): Promise<void> => {
    for (let tick = 0; tick < 400; tick++) {
      if ((await sagas.get('fulfilment', key))?.status === status) return;
      await clock.advance(100);
    }
    throw new Error(
      `Order ${key} never became ${status}: ${JSON.stringify(await sagas.story('fulfilment', key), null, 1)} ${JSON.stringify(app.health())}`,
    );
  };

  const eventsOf = async (stream: string): Promise<readonly string[]> => {
    const types: string[] = [];
    for await (const batch of backend.events.readStream(stream)) types.push(...batch.map(({ type }) => type));
    return types;
  };

  it('fulfils an order, with a person and a parcel service in between', async () => {
    await app.send(new PlaceOrder('o-1', ['vase', 'lamp'], 500));
    await reaches('o-1', 'waiting');
    expect((await sagas.get('fulfilment', 'o-1'))?.approvals).toEqual([
      { name: 'release', question: 'Release an order of 500?' },
    ]);
    await sagas.approve('fulfilment', 'o-1', 'release', { by: 'ann', comment: 'fine' });
    await reaches('o-1', 'running');
    await clock.advance(4.5 * 3_600_000);
    await app.send(new CollectParcel('o-1'));
    await reaches('o-1', 'completed');
    const view = await sagas.get('fulfilment', 'o-1');
    expect(view).toMatchObject({ status: 'completed', result: { reminders: 2 }, timers: [], approvals: [] });
    expect(view?.steps.map(({ step, status }) => `${step} ${status}`)).toEqual([
      'charge completed',
      'pack/vase completed',
      'pack/lamp completed',
      'call completed',
      'collect completed',
    ]);
    const story = (await sagas.story('fulfilment', 'o-1')).map(({ what }) => what);
    expect(story.slice(0, 4)).toEqual([
      'started with key o-1',
      'step charge requested: command payment.charge',
      'step charge completed',
      'step pack/vase requested: command goods.pack',
    ]);
    expect(story).toContain('approval release approved by ann: fine');
    expect(story.at(-1)).toBe('completed');
  });

  it('undoes an order whose goods cannot be packed', async () => {
    await app.send(new PlaceOrder('o-2', ['vase', 'lead'], 50));
    await reaches('o-2', 'compensated');
    const types = await eventsOf('order-o-2');
    expect(types).toEqual([
      'order.placed',
      'payment.charged',
      'goods.packed',
      'goods.unpacked',
      'payment.refunded',
    ]);
  });

  it('compensates when nobody releases the order in time, or somebody refuses', async () => {
    await app.send(new PlaceOrder('o-3', ['vase'], 500));
    await reaches('o-3', 'waiting');
    await clock.advance(25 * 3_600_000);
    await reaches('o-3', 'compensated');
    expect((await sagas.get('fulfilment', 'o-3'))?.reason).toBe('not released: expired');
    await app.send(new PlaceOrder('o-4', ['vase'], 500));
    await reaches('o-4', 'waiting');
    await sagas.reject('fulfilment', 'o-4', 'release', { by: 'ann', comment: 'too much' });
    await reaches('o-4', 'compensated');
    expect((await sagas.get('fulfilment', 'o-4'))?.reason).toBe('not released: too much');
  });

  it('waits for an event from outside until its deadline, retries what is refused, and lists what became of all', async () => {
    await app.send(new PlaceOrder('o-5', ['vase'], 5));
    await app.send(new PlaceOrder('broke-1', ['vase'], 5));
    await reaches('broke-1', 'compensated');
    expect((await sagas.get('fulfilment', 'broke-1'))?.steps).toMatchObject([
      { step: 'charge', status: 'failed', attempts: 2, reason: 'the card is empty', undo: undefined },
    ]);
    await reaches('o-5', 'running');
    await clock.advance(25 * 3_600_000);
    await reaches('o-5', 'compensated');
    const listed = async () => (await sagas.list({ saga: 'fulfilment', status: 'compensated' })).instances;
    for (let tick = 0; tick < 100 && (await listed()).length < 2; tick++) await clock.advance(100);
    expect((await listed()).map(({ key }) => key)).toEqual(['o-5', 'broke-1']);
    expect((await sagas.list({ status: ['running', 'waiting'] })).instances).toEqual([]);
  });

  it('refuses what no instance asked for', async () => {
    await expect(sagas.approve('fulfilment', 'none', 'release', { by: 'ann' })).rejects.toThrow(
      SagaNotFoundError,
    );
    await app.send(new PlaceOrder('o-6', ['vase'], 5));
    await reaches('o-6', 'running');
    await expect(sagas.approve('fulfilment', 'o-6', 'release', { by: 'ann' })).rejects.toThrow(
      SagaStatusError,
    );
    await expect(sagas.retryCompensation('fulfilment', 'o-6')).rejects.toThrow('does not need a person');
    await expect(sagas.get('other', 'o-6')).rejects.toThrow('No saga "other" is registered');
  });

  it('links every event to the one that it follows from, through commands and timers', async () => {
    await app.send(new PlaceOrder('broke-2', ['vase'], 5), { metadata: { userId: 'bob' } });
    await reaches('broke-2', 'compensated');
    const seen = new Set<string>();
    const withoutCause: string[] = [];
    for await (const batch of backend.events.readAll()) {
      for (const { id, type, metadata } of batch) {
        seen.add(id);
        if (metadata.causingEventId === undefined) withoutCause.push(type);
        else expect(seen).toContain(metadata.causingEventId);
        expect([type, metadata.userId]).toEqual([type, 'bob']);
      }
    }
    expect(seen.size).toBeGreaterThan(4);
    expect(withoutCause).toEqual(['order.placed']);
  });

  it('gives everything that it causes the correlation of its beginning, and itself as the saga', async () => {
    const { events } = await app.send(new PlaceOrder('o-7', ['vase'], 5), { metadata: { userId: 'bob' } });
    await reaches('o-7', 'running');
    for (let tick = 0; tick < 20; tick++) await clock.advance(100);
    const first = events[0]?.metadata.correlationId;
    for await (const batch of backend.events.readAll()) {
      for (const { type, metadata } of batch) {
        expect([type, metadata.correlationId, metadata.userId]).toEqual([type, first, 'bob']);
        if (type === 'goods.packed') {
          expect(metadata).toMatchObject({
            sagaId: 'saga:fulfilment-o-7',
            sagaStep: 'pack/vase',
            sagaAttempt: 1,
          });
        }
      }
    }
  });
});
