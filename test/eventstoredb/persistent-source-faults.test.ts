import { EventStoreDBClient } from '@eventstore/db-client';
import { afterEach, describe, expect, it } from '@jest/globals';
import { eventStoreDb, PermissionDeniedError } from '@tidemark/adapters/eventstoredb';
import {
  ConfigurationError,
  createApp,
  Event,
  memory,
  On,
  persistentSubscription,
  Processor,
  UnsupportedError,
  Upcaster,
  type Application,
  type HandlerContext,
  type PersistentSubscriptionOptions,
  type ProcessorDefinition,
  type RecordedEvent,
} from '@tidemark/core';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type { persistent } from '../support/eventstoredb/definitions.js';
import type { Fault } from '../support/eventstoredb/faults.js';
import {
  startTestEventStoreDb,
  type StartOptions,
  type SteerableEventStoreDb,
} from '../support/eventstoredb/start.js';
import { until } from '../support/until.js';

/* What becomes of a processor on a persistent subscription when the server, the network or another consumer fails. */

const ends: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const end of ends.splice(0).toReversed()) await end();
}, 60_000);

const start = async (options: StartOptions = {}): Promise<SteerableEventStoreDb> => {
  const server = await startTestEventStoreDb(options);
  ends.push(() => server.close());
  return server;
};

const numberOf = (event: RecordedEvent): number => Number((event.data as { n?: number }).n);
const range = (count: number): number[] => Array.from({ length: count }, (_, n) => n);

interface Setup extends Partial<PersistentSubscriptionOptions> {
  readonly handle: (event: RecordedEvent, context: HandlerContext) => unknown;
  readonly credentials?: { readonly username: string; readonly password: string };
}

const newApp = (connectionString: string, { handle, credentials, ...options }: Setup): Application => {
  const definition: ProcessorDefinition = {
    kind: 'processor',
    name: 'mailer',
    definedAt: 'here:1:1',
    messages: [],
    retry: { attempts: 2, initialDelayMs: 1, maxDelayMs: 2 },
    source: persistentSubscription({
      group: 'mailer',
      ...(options.all === true ? {} : { stream: 's' }),
      ...options,
    }),
    delivery: { mode: 'each', handle },
  };
  const app = createApp({
    backend: eventStoreDb({ connectionString, state: memory(), patienceMs: 20_000, credentials }),
    register: [definition],
    drainMs: 1_000,
  });
  ends.push(() => app.stop());
  return app;
};

const statusOf = (app: Application) => app.processors.get('mailer')?.status();

const append = async (connectionString: string, numbers: readonly number[], stream = 's'): Promise<void> => {
  const backend = eventStoreDb({ connectionString, state: memory(), patienceMs: 20_000 });
  await backend.open();
  await backend.events.append(
    stream,
    numbers.map((n) => ({ type: 'counted', data: { n } })),
  );
  await backend.close();
};

/** Events that were begun, more than once at the same time, fail the test. */
const handlerOf = (handled: number[]) => {
  const running = new Set<number>();
  return async (event: RecordedEvent): Promise<void> => {
    const n = numberOf(event);
    if (running.has(n)) throw new Error(`${n} is being handled already`);
    running.add(n);
    await new Promise((resolve) => setTimeout(resolve, 1));
    running.delete(n);
    handled.push(n);
  };
};

const joinFaults: readonly [string, (node: SteerableEventStoreDb['node']) => Fault][] = [
  ['unavailable', () => ({ kind: 'unavailable' })],
  ['deadline', () => ({ kind: 'deadline' })],
  ['not-leader', ({ port }) => ({ kind: 'not-leader', host: '127.0.0.1', port })],
  ['slow', () => ({ kind: 'delay', ms: 300 })],
  ['drop', () => ({ kind: 'drop' })],
  ['drop in the middle', () => ({ kind: 'drop-after', messages: 7 })],
];

describe('faults of a persistent subscription', () => {
  it.each(joinFaults)(
    '%s: at least once, nothing is lost, and what comes again is counted',
    async (name, faultOf) => {
      const { node, connectionString } = await start();
      await append(connectionString, range(40));
      const handled: number[] = [];
      const times = name === 'slow' ? 1 : 2;
      node.faults.next('persistent-read', faultOf(node), times);
      const app = newApp(connectionString, { bufferSize: 10, handle: handlerOf(handled) });
      await app.start();
      await until(() => new Set(handled).size === 40);
      await until(async () => (await app.consumerGroup('mailer').info()).inFlight === 0);
      expect(node.faults.taken('persistent-read')).toBe(times);
      // What was handled twice was delivered again.
      expect(handled.length - 40).toBeLessThanOrEqual(statusOf(app)?.redelivered ?? 0);
      expect(statusOf(app)).toMatchObject({ state: 'running', parked: 0, degraded: undefined });
    },
    60_000,
  );

  it.each(joinFaults.slice(0, 5))(
    '%s while the group is made',
    async (_, faultOf) => {
      const { node, connectionString } = await start();
      await append(connectionString, range(3));
      const handled: number[] = [];
      node.faults.next('persistent-manage', faultOf(node), 2);
      const app = newApp(connectionString, { handle: handlerOf(handled) });
      await app.start();
      await until(() => handled.length === 3);
      expect(node.faults.taken('persistent-manage')).toBe(2);
    },
    60_000,
  );

  it('says so while the server is away, and goes on by itself', async () => {
    const { node, connectionString } = await start();
    await append(connectionString, range(3));
    const handled: number[] = [];
    const app = newApp(connectionString, { handle: handlerOf(handled) });
    await app.start();
    await until(() => handled.length === 3);
    await node.stop();
    await until(() => statusOf(app)?.degraded !== undefined);
    expect(app.health().status).not.toBe('up');
    expect(app.health().reasons.join()).toContain('lost its connection to group "mailer"');
    await node.start();
    await append(connectionString, [3]);
    await until(() => handled.includes(3));
    expect(statusOf(app)?.degraded).toBeUndefined();
  }, 60_000);

  it('connections dropped again and again under load: every event is handled, by one of two applications', async () => {
    const { node, connectionString } = await start();
    const handled: [number[], number[]] = [[], []];
    const [first, second] = handled.map((numbers) =>
      newApp(connectionString, { bufferSize: 16, handle: handlerOf(numbers) }),
    );
    if (first === undefined || second === undefined) throw new Error('There are two.');
    await Promise.all([first.start(), second.start()]);
    for (const round of range(32)) {
      await append(
        connectionString,
        range(10).map((n) => round * 10 + n),
      );
      if (round % 4 === 1) node.dropConnections();
    }
    await until(() => new Set(handled.flat()).size === 320);
    await until(async () => (await first.consumerGroup('mailer').info()).inFlight === 0);
    expect(handled[0].length).toBeGreaterThan(0);
    expect(handled[1].length).toBeGreaterThan(0);
    expect(statusOf(first)?.parked).toBe(0);
  }, 120_000);

  it('a killed consumer’s events go to the other', async () => {
    const { connectionString } = await start();
    await append(connectionString, range(30));
    const victim = spawn(process.execPath, ['--input-type=module', '-e', hoarder, connectionString], {
      cwd: process.cwd(),
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    ends.push(async () => void victim.kill('SIGKILL'));
    await once(victim.stdout, 'data');
    const handled: number[] = [];
    const app = newApp(connectionString, { handle: handlerOf(handled) });
    await app.start();
    await until(() => handled.length === 20);
    expect(await app.consumerGroup('mailer').info()).toMatchObject({ inFlight: 10, consumers: 2 });
    victim.kill('SIGKILL');
    await until(() => handled.length === 30);
    expect(handled.toSorted((a, b) => a - b)).toEqual(range(30));
    expect(statusOf(app)?.redelivered).toBe(10);
  }, 60_000);
});

/** Another program that joins the group, takes ten events, and never answers. */
const hoarder = `
import { EventStoreDBClient, persistentSubscriptionToStreamSettingsFromDefaults as settings } from '@eventstore/db-client';
const client = EventStoreDBClient.connectionString(process.argv[1]);
await client.createPersistentSubscriptionToStream('s', 'mailer', settings({ startFrom: 'start', resolveLinkTos: true }));
let taken = 0;
client.subscribeToPersistentSubscriptionToStream('s', 'mailer', { bufferSize: 10 }).on('data', () => {
  taken += 1;
  if (taken === 10) console.log('full');
});
`;

@Event({ name: 'sent', version: 2 })
class Sent {
  constructor(readonly to: string) {}

  @Upcaster({ from: 1, to: [{ type: 'sent', version: 2 }] })
  static split({ to }: { readonly to: readonly string[] }) {
    return to.map((one) => ({ data: { to: one } }));
  }
}

describe('upcasters', () => {
  it('acknowledges an event after the last of those that an upcaster made of it, and parks it when one of them fails', async () => {
    const { connectionString } = await start();
    const seen: string[] = [];
    @Processor({
      name: 'letters',
      retry: { attempts: 1 },
      source: persistentSubscription({ group: 'letters', all: true }),
    })
    class Letters {
      @On() sent({ to }: Sent) {
        if (to === 'broken') throw new Error('cannot');
        seen.push(to);
      }
    }
    const backend = eventStoreDb({ connectionString, state: memory() });
    await backend.open();
    const old = (...to: readonly string[]) => ({ type: 'sent', schemaVersion: 1, data: { to } });
    await backend.events.append('l', [old('a', 'b'), old(), old('c', 'broken', 'd'), old('e')]);
    await backend.close();
    const app = createApp({
      backend: eventStoreDb({ connectionString, state: memory() }),
      register: [Letters],
    });
    ends.push(() => app.stop());
    await app.start();
    const group = app.consumerGroup('letters');
    await until(async () => seen.includes('e') && (await group.info()).parked === 1);
    expect(seen).toEqual(['a', 'b', 'c', 'e']);
    await until(async () => (await group.info()).inFlight === 0);
    const parked = await group.parked();
    expect(parked.map(({ event }) => event?.data)).toEqual([{ to: ['c', 'broken', 'd'] }]);
  }, 60_000);

  it('parks what an upcaster cannot read', async () => {
    const { connectionString } = await start();
    const seen: string[] = [];
    @Processor({ name: 'letters', source: persistentSubscription({ group: 'letters', stream: 'l' }) })
    class Letters {
      @On() sent({ to }: Sent) {
        seen.push(to);
      }
    }
    const backend = eventStoreDb({ connectionString, state: memory() });
    await backend.open();
    await backend.events.append('l', [
      { type: 'sent', schemaVersion: 1, data: { nobody: true } },
      { type: 'sent', schemaVersion: 2, data: { to: 'a' } },
    ]);
    await backend.close();
    const app = createApp({
      backend: eventStoreDb({ connectionString, state: memory() }),
      register: [Letters],
    });
    ends.push(() => app.stop());
    await app.start();
    await until(async () => seen.length === 1 && (await app.consumerGroup('letters').info()).parked === 1);
    expect(app.processors.get('letters')?.status()).toMatchObject({ parked: 1, handled: 1 });
  }, 60_000);
});

describe('bad input', () => {
  it.each([
    [{ group: '' }, /group must be a name/],
    [{ group: 'a::b' }, /group must be a name/],
    [{ group: 'g' }, /either a stream or all/],
    [{ group: 'g', stream: 's', all: true }, /either a stream or all/],
    [{ group: 'g', stream: '' }, /stream must not be empty/],
    [{ group: 'g', stream: 's', filter: { typePrefixes: ['a'] } }, /filter goes with all/],
    [{ group: 'g', all: true, filter: {} }, /give one of them/],
    [{ group: 'g', all: true, filter: { typePrefixes: ['a'], streamPrefixes: ['a'] } }, /give one of them/],
    [{ group: 'g', all: true, filter: { typePrefixes: [] } }, /at least one prefix/],
    [{ group: 'g', all: true, filter: { streamPrefixes: ['$x'] } }, /beginning with "\$"/],
    [{ group: 'g', stream: 's', strategy: 'by-moon' as 'pinned' }, /strategy must be one of/],
    [{ group: 'g', stream: 's', startFrom: -1n }, /startFrom must be/],
    [{ group: 'g', stream: 's', bufferSize: 0 }, /bufferSize must be a whole number from 1/],
    [{ group: 'g', stream: 's', maxRetryCount: -1 }, /maxRetryCount/],
    [{ group: 'g', stream: 's', messageTimeoutMs: 1.5 }, /messageTimeoutMs/],
    [{ group: 'g', stream: 's', checkpoint: { least: 20, most: 10 } }, /checkpoint.least is 20/],
    [{ group: 'g', stream: 's', maxConsumers: -1 }, /maxConsumers/],
  ] as const)('%j', (options, message) => {
    expect(() => persistentSubscription(options)).toThrow(ConfigurationError);
    expect(() => persistentSubscription(options)).toThrow(message);
  });

  it('a backend that has none fails at the start, and says what to do', async () => {
    const source = persistentSubscription({ group: 'g', stream: 's' });
    const definition: ProcessorDefinition = {
      kind: 'processor',
      name: 'mailer',
      definedAt: 'here:1:1',
      messages: [],
      source,
      delivery: { mode: 'each', handle: () => undefined },
    };
    const app = createApp({ backend: memory(), register: [definition] });
    await expect(app.start()).rejects.toThrow(/backend memory has none.*eventStoreDb\(\)/);
    expect(() => app.consumerGroup('mailer').info()).toThrow(/backend memory has no persistent/);
    for (const wrong of [
      { delivery: { mode: 'transaction', handle: async () => undefined } },
      { startFrom: 'end' },
      { checkpoint: () => 'other' },
    ] satisfies Partial<ProcessorDefinition>[]) {
      expect(() => createApp({ backend: memory(), register: [{ ...definition, ...wrong }] })).toThrow(
        ConfigurationError,
      );
    }
    const followsTheLog: ProcessorDefinition = { ...definition, source: undefined };
    const plain = createApp({ backend: memory(), register: [followsTheLog] });
    expect(() => plain.consumerGroup('mailer')).toThrow(/follows the log by itself/);
  });

  it('a user who may not: a typed error at the start', async () => {
    const users = [{ name: 'guest', password: 'guest', groups: [] }];
    const { connectionString } = await start({ secure: true, users });
    const admin = EventStoreDBClient.connectionString(connectionString);
    ends.push(() => admin.dispose());
    await admin.setStreamMetadata('$all', { acl: { readRoles: ['guest'] } });
    const app = newApp(connectionString.replace('admin:changeit', 'guest:guest'), {
      handle: () => undefined,
    });
    await expect(app.start()).rejects.toThrow(PermissionDeniedError);
  }, 60_000);

  it('a stream that is not there yet is waited for', async () => {
    const { connectionString } = await start();
    const handled: number[] = [];
    const app = newApp(connectionString, { stream: 'later', handle: handlerOf(handled) });
    await app.start();
    await append(connectionString, [7], 'later');
    await until(() => handled.length === 1);
    expect(handled).toEqual([7]);
  }, 60_000);

  it('one consumer too many says that it waits, and takes over', async () => {
    const { connectionString } = await start();
    const handled: number[] = [];
    const setup: Setup = { maxConsumers: 1, handle: handlerOf(handled) };
    const first = newApp(connectionString, setup);
    await first.start();
    await until(async () => (await first.consumerGroup('mailer').info()).consumers === 1);
    const second = newApp(connectionString, setup);
    await second.start();
    await until(() => statusOf(second)?.degraded !== undefined);
    expect(statusOf(second)?.degraded?.reason).toMatch(/lost its connection to group "mailer"/);
    await first.stop();
    await append(connectionString, [1]);
    await until(() => handled.length === 1);
    expect(statusOf(second)).toMatchObject({ state: 'running', handled: 1 });
  }, 60_000);

  it('a client, or a server, that does not know groups pinned by correlation: a typed error, and no group of another kind', async () => {
    const { connectionString } = await start();
    const real = EventStoreDBClient.connectionString(connectionString);
    ends.push(() => real.dispose());
    const appOn = (execute: unknown): Application => {
      const client: EventStoreDBClient = Object.create(real, {
        execute: { value: execute },
        getPersistentSubscriptionToStreamInfo: {
          value: real.getPersistentSubscriptionToStreamInfo.bind(real),
        },
      });
      const definition: ProcessorDefinition = {
        kind: 'processor',
        name: 'mailer',
        definedAt: 'here:1:1',
        messages: [],
        source: persistentSubscription({ group: 'mailer', stream: 's', strategy: 'pinned-by-correlation' }),
        delivery: { mode: 'each', handle: () => undefined },
      };
      const app = createApp({ backend: eventStoreDb({ client, state: memory() }), register: [definition] });
      ends.push(() => app.stop());
      return app;
    };
    await expect(appOn(undefined).start()).rejects.toThrow(/This client cannot make a group/);
    const execute: Execute = Reflect.get(real, 'execute');
    const forgetful: Execute = (type, name, action) =>
      execute(type, name, (grpc) =>
        action(Object.create(grpc, { create: { value: withoutStrategy(grpc) } })),
      );
    const app = appOn(forgetful);
    await expect(app.start()).rejects.toThrow(UnsupportedError);
    await expect(real.getPersistentSubscriptionToStreamInfo('s', 'mailer')).rejects.toMatchObject({
      type: 'persistent-subscription-does-not-exist',
    });
  }, 60_000);
});

interface Stub {
  create(request: InstanceType<typeof persistent.CreateReq>, ...rest: readonly unknown[]): unknown;
}
type Execute = (type: unknown, name: string, action: (grpc: Stub) => unknown) => Promise<unknown>;

/** Sends what an older server would see of a request. */
const withoutStrategy =
  (grpc: Stub): Stub['create'] =>
  (request, ...rest) => {
    request.getOptions()?.getSettings()?.setConsumerStrategy('');
    return grpc.create(request, ...rest);
  };
