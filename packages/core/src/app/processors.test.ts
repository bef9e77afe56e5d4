import { describe, expect, it } from '@jest/globals';
import { Container } from 'inversify';
import { setImmediate } from 'node:timers/promises';
import { memory } from '../backend/memory/memory.js';
import { NotRunningError } from '../commands/errors.js';
import { ConfigurationError } from '../error.js';
import { InvalidArgumentError } from '../log/errors.js';
import { Event } from '../model/message-decorators.js';
import { On, Processor } from '../model/processor.js';
import type { ProcessorDefinition } from '../model/processor-definition.js';
import { route } from '../routing/route.js';
import { matching } from '../routing/type-pattern.js';
import { DuplicateNameError } from '../schema/errors.js';
import { rawUpcaster } from '../testing/runner-rig.test-support.js';
import { testApp } from '../testing/test-app.js';

@Event({ name: 'noted' })
class Noted {
  constructor(readonly text: string) {}
}

@Event({ name: 'grown', version: 2 })
class Grown {}

class Notes {
  readonly list: string[] = [];
}

@Processor({ name: 'writer' })
class Writer {
  constructor(private readonly notes: Notes) {}

  @On() noted({ text }: Noted): void {
    this.notes.list.push(text);
  }
}

@Processor({ name: 'reader' })
class Reader {
  constructor(private readonly notes: Notes) {}

  @On(matching('agent.*.completed', /^crew\./)) ended(
    _: unknown,
    { event }: { event: { type: string } },
  ): void {
    this.notes.list.push(`ended ${event.type}`);
  }

  @On('agent.a.completed') named(): void {
    this.notes.list.push('named');
  }

  @On(matching('agent.**')) other(): void {
    this.notes.list.push('other');
  }
}

const world = async (register: Parameters<typeof testApp>[0]['register'] = []) => {
  const notes = new Notes();
  const container = new Container();
  container.bind(Notes).toConstantValue(notes);
  return { notes, ...(await testApp({ container, register })) };
};

const byHand = (parts: Partial<ProcessorDefinition> = {}): ProcessorDefinition => ({
  kind: 'processor',
  name: 'by hand',
  definedAt: 'here:1:1',
  messages: [],
  delivery: { mode: 'each', handle: () => undefined },
  ...parts,
});

const noted = (text: string) => [{ type: 'noted', data: { text } }];

describe('handlers by pattern', () => {
  it('take what no other names, the first pattern first', async () => {
    const { app, backend, notes } = await world([Reader]);
    const types = [
      'agent.a.completed',
      'agent.b.completed',
      'agent.b.failed',
      'crew.x',
      'agent.b.completed',
      'x',
    ];
    const { position } = await backend.events.append(
      's-1',
      types.map((type) => ({ type, data: 0 })),
    );
    await app.waitFor(position);
    expect(notes.list).toEqual([
      'named',
      'ended agent.b.completed',
      'other',
      'ended crew.x',
      'ended agent.b.completed',
    ]);
    expect(app.processors.get('reader')?.status().handled).toBe(5);
    await app.stop();
  });
});

describe('processors of a running application', () => {
  it('come and go, and go on where they ended', async () => {
    const { app, backend, notes } = await world();
    await backend.events.append('s-1', noted('one'));
    const runner = await app.processors.add(Writer);
    expect(runner.status().state).toBe('running');
    await app.waitFor(await backend.events.head());
    await app.processors.remove('writer');
    expect([app.processors.has('writer'), app.processors.size, runner.status().state]).toEqual([
      false,
      0,
      'stopped',
    ]);
    await backend.events.append('s-1', noted('two'));
    await app.processors.add(Writer);
    await app.waitFor(await backend.events.head());
    expect(notes.list).toEqual(['one', 'two']);
    expect([...app.processors].map(([name]) => name)).toEqual(['writer']);
    const names: string[] = [];
    app.processors.forEach((one, name) => names.push(`${name} ${one.definition.name}`));
    expect(names).toEqual(['writer writer']);
    await app.stop();
    expect([...app.processors.values()].map((one) => one.status().state)).toEqual(['stopped']);
  });

  it('bring their routes and take them along', async () => {
    const got: unknown[] = [];
    const { app, backend } = await world([byHand({ name: 'first', routed: true })]);
    await app.routes.add(route({ name: 'r', match: 'x', to: 'first' }));
    const second = byHand({
      name: 'second',
      routes: [route({ name: 'own', match: [Noted, 'x'] })],
      delivery: { mode: 'each', handle: ({ data }) => void got.push(data) },
    });
    await app.processors.add(second);
    await backend.events.append('s-1', noted('one'));
    await app.waitFor(await backend.events.head());
    expect(got).toEqual([new Noted('one')]);
    expect(app.routes.list().map(({ name }) => name)).toEqual(['r', 'second/own']);
    await app.processors.remove('second');
    await app.processors.remove('first');
    expect(app.routes.list()).toMatchObject([{ name: 'r', missing: ['first'] }]);
    await app.stop();
  });

  it('start with the application if it is starting or stopped, and not if it is stopping', async () => {
    let finish = (): void => undefined;
    const busy = byHand({
      name: 'busy',
      delivery: { mode: 'each', handle: () => new Promise<void>((resolve) => (finish = resolve)) },
    });
    const { app, notes, backend } = await world([busy]);
    await backend.events.append('s-1', [{ type: 'x', data: 0 }]);
    while (app.processors.get('busy')?.status().inFlight !== 1) await setImmediate();
    const stopping = app.stop();
    await setImmediate();
    await expect(app.processors.add(Writer)).rejects.toThrow(NotRunningError);
    finish();
    await stopping;
    await app.processors.remove('busy');
    expect((await app.processors.add(byHand())).status().state).toBe('stopped');
    const starting = app.start();
    const runner = await app.processors.add(Writer);
    await starting;
    expect([runner.status().state, app.processors.get('by hand')?.status().state]).toEqual([
      'running',
      'running',
    ]);
    await backend.events.append('s-1', noted('one'));
    await app.waitFor(await backend.events.head());
    expect(notes.list).toEqual(['one']);
    await app.stop();
  });

  it('are refused if they cannot be, and leave nothing behind', async () => {
    @Processor({ name: 'needy' })
    class Needy {
      constructor(readonly missing: Undefined) {}

      @On() noted({ text }: Noted): string {
        return text;
      }
    }
    const { app } = await world([byHand()]);
    await expect(app.processors.add(byHand())).rejects.toThrow(DuplicateNameError);
    await expect(app.processors.add(Noted)).rejects.toThrow('Noted is no processor');
    await expect(app.processors.add(Needy)).rejects.toThrow(ConfigurationError);
    expect(app.processors.has('needy')).toBe(false);
    const upcaster = rawUpcaster('old', ['new'], () => []);
    await expect(app.processors.add(byHand({ name: 'a', upcasters: [upcaster] }))).rejects.toThrow(
      'brings upcasters',
    );
    await expect(
      app.processors.add(byHand({ name: 'a', routes: [route({ name: 'r', match: Grown })] })),
    ).rejects.toThrow('has older versions');
    expect(app.processors.has('a')).toBe(false);
    const routes = [route({ name: 'r' }), route({ name: 'r' })];
    await expect(app.processors.add(byHand({ name: 'a', routes }))).rejects.toThrow(DuplicateNameError);
    await expect(
      app.processors.add(byHand({ name: 'a', routes: [route({ name: 'r' })], batchSize: -1 })),
    ).rejects.toThrow('batchSize');
    for (const segments of [0, 3, 1.5, 131_072]) {
      await expect(app.processors.add(byHand({ name: 'a', segments }))).rejects.toThrow(
        `segments of processor "a" (here:1:1) must be a power of two from 1 to 65,536, not ${segments}.`,
      );
    }
    expect(app.routes.list()).toEqual([]);
    await expect(app.processors.remove('a')).rejects.toThrow(InvalidArgumentError);
    await app.stop();
  });

  it('are removed with what they have in hand finished', async () => {
    const { app, backend } = await world();
    const finished: unknown[] = [];
    await app.processors.add(
      byHand({
        delivery: {
          mode: 'each',
          handle: async ({ data }) => {
            await setImmediate();
            finished.push(data);
          },
        },
      }),
    );
    const { position } = await backend.events.append(
      's-1',
      [1, 2, 3].map((data) => ({ type: 'x', data })),
    );
    await Promise.all([app.processors.remove('by hand'), app.processors.remove('by hand')]);
    const stored = (await backend.checkpoints.load('by hand'))?.position ?? 0n;
    expect(stored).toBe(finished.length === 3 ? position : BigInt(finished.length));
    await app.stop();
  });

  it('are not kept if they cannot start', async () => {
    const backend = memory();
    const { app } = await testApp({ backend, register: [] });
    const load = backend.checkpoints.load.bind(backend.checkpoints);
    backend.checkpoints.load = () => Promise.reject(new Error('away'));
    await expect(app.processors.add(byHand())).rejects.toThrow('away');
    backend.checkpoints.load = load;
    expect(app.processors.size).toBe(0);
    await app.processors.add(byHand());
    await app.stop();
  });
});

abstract class Undefined {
  abstract readonly nothing: string;
}
