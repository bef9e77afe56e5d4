import { afterEach, describe, expect, it } from '@jest/globals';
import {
  type Application,
  type Backend,
  type Class,
  ConfigurationError,
  createApp,
  type Definition,
  Event,
  memory,
  newId,
  On,
} from '@tidemark/core';
import {
  documentProjection,
  Key,
  type OnDocument,
  Projection,
  Projections,
  tableProjection,
} from './index.js';

@Event({ name: 'shop.ordered' })
class Ordered {
  constructor(
    readonly orderId: string,
    readonly customer: string,
    readonly total: number,
  ) {}
}

@Event({ name: 'shop.cancelled' })
class Cancelled {
  constructor(readonly orderId: string) {}
}

interface Order {
  readonly status: 'open' | 'poison';
  readonly total: number;
  readonly customer: { readonly id: string };
}

@Projection({ name: 'orders', indexes: ['total', 'customer.id', 'status'], key: 'orderId' })
class Orders {
  @On() ordered({ customer, total }: Ordered, order: Order | undefined): Order {
    return { status: 'open', total: (order?.total ?? 0) + total, customer: { id: customer } };
  }

  @On(Cancelled) cancelled(): null {
    return null;
  }
}

const bareOrders = documentProjection({
  name: 'bare',
  key: 'orderId',
  handlers: (on: OnDocument<Order>) => [on(Cancelled, () => null)],
});

/** Something to be injected, and no event. */
class Rates {
  readonly factor = 100;
}

const running: Application[] = [];

const start = async (
  register: readonly (Class | Definition)[],
  backend: Backend = memory(),
): Promise<{ app: Application; projections: Projections; backend: Backend }> => {
  const app = createApp({ backend, register });
  running.push(app);
  await app.start();
  return { app, projections: app.get(Projections), backend };
};

const record = async (backend: Backend, ...events: readonly object[]): Promise<bigint> => {
  const { position } = await backend.events.append(
    `shop-${newId()}`,
    events.map((event) => ({
      type:
        event instanceof Ordered
          ? 'shop.ordered'
          : event instanceof Cancelled
            ? 'shop.cancelled'
            : 'shop.other',
      data: event,
    })),
  );
  return position;
};

afterEach(async () => {
  await Promise.all(running.splice(0).map((app) => app.stop()));
});

describe('a document projection', () => {
  it('shows its documents by key once they were waited for', async () => {
    const { projections, backend } = await start([Orders]);
    await projections.waitFor(
      await record(
        backend,
        new Ordered('1', 'ada', 5),
        new Ordered('1', 'ada', 2),
        new Ordered('2', 'bob', 1),
        new Cancelled('2'),
      ),
    );
    const orders = projections.of(Orders);
    expect(await orders.get('1')).toEqual({ status: 'open', total: 7, customer: { id: 'ada' } });
    expect(await orders.get('2')).toBeUndefined();
    expect([...(await orders.getMany(['1', '2', '3'])).keys()]).toEqual(['1']);
  });

  it('finds, orders, pages and counts documents by indexed fields', async () => {
    const { projections, backend } = await start([Orders]);
    const orders = projections.of(Orders);
    await projections.waitFor(
      await record(
        backend,
        ...Array.from(
          { length: 5 },
          (_, index) => new Ordered(`${index}`, index % 2 === 0 ? 'ada' : 'bob', index),
        ),
      ),
    );
    const first = await orders.find({
      where: { 'customer.id': 'ada' },
      orderBy: 'total',
      descending: true,
      limit: 2,
    });
    expect(first.documents.map(({ key }) => key)).toEqual(['4', '2']);
    const second = await orders.find({
      where: { 'customer.id': 'ada' },
      orderBy: 'total',
      descending: true,
      limit: 2,
      after: first.next,
    });
    expect(second).toEqual({
      documents: [{ key: '0', document: { status: 'open', total: 0, customer: { id: 'ada' } } }],
      next: undefined,
    });
    expect((await orders.find()).documents).toHaveLength(5);
    expect(await orders.count()).toBe(5);
    expect(await orders.count({ total: { gte: 1, lt: 4 }, 'customer.id': undefined })).toBe(3);
    expect(await orders.count({ status: { in: ['open'] } })).toBe(5);
  });

  it('refuses to query a field that is not indexed', async () => {
    const { projections } = await start([bareOrders]);
    // @ts-expect-error not declared as an index
    await expect(projections.of(bareOrders).find({ where: { total: 1 } })).rejects.toThrow(/total/);
  });

  it('keys by handler, by function, and by the recorded event', async () => {
    @Projection({ name: 'by-stream', key: (recorded) => recorded.stream })
    class ByStream {
      @On() ordered(_: Ordered, seen: { count: number } | undefined): { count: number } {
        return { count: (seen?.count ?? 0) + 1 };
      }

      @On() @Key((event: Cancelled) => [event.orderId, 'all']) cancelled(
        _: Cancelled,
        seen: { count: number } | undefined,
      ): { count: number } {
        return { count: (seen?.count ?? 0) - 1 };
      }
    }
    const { projections, backend } = await start([ByStream]);
    const { position, stream } = await backend.events.append('cart-1', [
      { type: 'shop.ordered', data: new Ordered('1', 'ada', 1) },
      { type: 'shop.cancelled', data: new Cancelled('1') },
    ]);
    await projections.waitFor({ position });
    const { documents } = await projections.of(ByStream).find();
    expect(documents).toEqual([
      { key: '1', document: { count: -1 } },
      { key: 'all', document: { count: -1 } },
      { key: stream, document: { count: 1 } },
    ]);
  });

  it('is made by the container, with what its constructor takes', async () => {
    const { Container, inject } = await import('inversify');
    @Projection({ name: 'cents', key: 'orderId' })
    class Cents {
      constructor(@inject(Rates) readonly rates: Rates) {}

      @On() ordered(event: Ordered, before: { cents: number } | undefined): { cents: number } {
        return before ?? { cents: event.total * this.rates.factor };
      }
    }
    const container = new Container();
    container.bind(Rates).toConstantValue(new Rates());
    const backend = memory();
    const app = createApp({ backend, register: [Cents], container });
    running.push(app);
    await app.start();
    const projections = app.get(Projections);
    await projections.waitFor(await record(backend, new Ordered('1', 'ada', 3)));
    expect(await projections.of(Cents).get('1')).toEqual({ cents: 300 });
  });

  it('goes on behind its checkpoint after a restart, and counts nothing twice', async () => {
    const backend = memory();
    const first = await start([Orders], backend);
    await first.projections.waitFor(await record(backend, new Ordered('1', 'ada', 1)));
    await first.app.stop();
    const second = await start([Orders], backend);
    await second.projections.waitFor(await record(backend, new Ordered('1', 'ada', 1)));
    expect(await second.projections.of(Orders).get('1')).toMatchObject({ total: 2 });
    expect(second.projections.list()).toEqual([
      expect.objectContaining({ name: 'orders', active: { number: 1, version: 1 }, building: undefined }),
    ]);
  });

  it('pitfall 12: moves its checkpoint through a log that has nothing for it', async () => {
    const { app, projections, backend } = await start([Orders]);
    const position = await record(backend, {}, {}, {});
    await projections.waitFor(position);
    await app.stop();
    await backend.open();
    expect((await backend.checkpoints.load('orders@1'))?.position).toBe(position);
  });
});

describe('a poisoned event', () => {
  const poisoned = documentProjection({
    name: 'poisoned',
    key: 'orderId',
    retry: { attempts: 2, initialDelayMs: 1 },
    handlers: (on: OnDocument<{ total: number }>) => [
      on(Ordered, (event, order) => {
        if (event.customer === 'poison') throw new Error('cannot count this');
        return { total: (order?.total ?? 0) + event.total };
      }),
    ],
  });

  it('stops the projection visibly, names projection, document and event, and keeps what came before', async () => {
    const { app, projections, backend } = await start([poisoned]);
    const position = await record(
      backend,
      new Ordered('1', 'ada', 1),
      new Ordered('2', 'poison', 1),
      new Ordered('1', 'ada', 1),
    );
    await expect(projections.waitFor(position)).rejects.toThrow(/poisoned/);
    const { processor } = projections.status(poisoned);
    expect(processor?.state).toBe('failed');
    expect(processor?.failure?.error).toMatchObject({
      code: 'projection-handler',
      projection: 'poisoned',
      key: '2',
      event: { type: 'shop.ordered', version: 1 },
    });
    expect(processor?.failure?.reason).toMatch(/cannot count this/);
    expect(app.health()).toMatchObject({ status: 'down' });
    expect(await projections.of(poisoned).get('1')).toEqual({ total: 1 });
  });
});

describe('what cannot be', () => {
  it('is refused when the application is put together: tables without SQL', () => {
    const tables = tableProjection({
      name: 'tables',
      tables: ['orders'],
      setup: (tx, { orders }) => tx.query(`CREATE TABLE ${orders} ()`),
      handlers: (on) => [on(Ordered, () => undefined)],
    });
    expect(() => createApp({ backend: memory(), register: [tables] })).toThrow(
      /Projection "tables" \(.*projections\.test\.ts:\d+:\d+\) writes SQL tables, but the backend "memory" has no SQL/,
    );
  });

  it('is refused: a class without handlers, a bad version, a name that cannot be stored, no key, two handlers', () => {
    @Projection({ name: 'idle', key: 'orderId' })
    class Idle {}
    expect(() => createApp({ backend: memory(), register: [Idle] })).toThrow(/Idle.*handles nothing/);

    @Projection({ name: 'half', version: 1.5, key: 'orderId' })
    class Half extends Orders {}
    expect(() => createApp({ backend: memory(), register: [Half] })).toThrow(/version 1\.5/);

    @Projection({ name: 'a@b', key: 'orderId' })
    class At extends Orders {}
    expect(() => createApp({ backend: memory(), register: [At] })).toThrow(/without NUL and "@"/);

    @Projection({ name: 'keyless' })
    class Keyless extends Orders {}
    expect(() => createApp({ backend: memory(), register: [Keyless] })).toThrow(
      /Keyless\.ordered .* has no key/,
    );

    const handlers = (on: OnDocument<Order>) => [on(Cancelled, () => null), on('shop.cancelled', () => null)];
    expect(() => documentProjection({ name: 'twice', key: 'orderId', handlers })).toThrow(
      /handles "shop.cancelled" twice/,
    );
    expect(() =>
      documentProjection({ name: 'x', handlers: (on: OnDocument<Order>) => [on(Rates, () => null)] }),
    ).toThrow(/@Event/);
  });

  it('is refused: an event whose key property is missing or no string', async () => {
    const totals = documentProjection({
      name: 'missing',
      retry: { attempts: 1 },
      handlers: (on: OnDocument<Order>) => [
        on<{ orderId?: string }>('shop.other', () => null, { key: 'orderId' }),
      ],
    });
    const { projections, backend } = await start([totals]);
    await expect(projections.waitFor(await record(backend, {}))).rejects.toThrow(/missing/);
    expect(projections.status(totals).processor?.failure?.error.message).toMatch(
      /property "orderId", which is missing/,
    );
  });

  it('is refused: a projection that is not registered, is none, or is not started', async () => {
    const { projections } = await start([Orders]);
    expect(() => projections.status('nothing')).toThrow(
      'No projection "nothing" is registered in this application; there is "orders".',
    );
    expect(() => projections.status(Ordered)).toThrow(/Ordered is no projection/);
    await expect(projections.rebuild('nothing')).rejects.toThrow(/No projection "nothing"/);
    const other = createApp({ backend: memory(), register: [Orders, bareOrders] }).get(Projections);
    expect(() => other.status('orders')).toThrow(ConfigurationError);
    await expect(other.of(Orders).get('1')).rejects.toThrow(/start the application/);
    expect(() => other.status('nothing')).toThrow(/there are "orders", "bare"/);
  });

  it('waits for nothing where a command brought nothing about', async () => {
    const { projections } = await start([Orders]);
    await projections.waitFor({ position: undefined });
    await expect(projections.waitFor(1n, { projections: ['nothing'] })).rejects.toThrow(/No projection/);
  });
});
