import { describe, expect, it, jest } from '@jest/globals';
import { Container } from 'inversify';
import { memory } from '../backend/memory/memory.js';
import { CommandBus } from '../commands/command-bus.js';
import { NotRunningError } from '../commands/errors.js';
import { ConfigurationError } from '../error.js';
import { InvalidArgumentError } from '../log/errors.js';
import { Aggregate, Apply } from '../model/aggregate.js';
import { CommandHandler } from '../model/command-handler.js';
import { AggregateId, Command, Event } from '../model/message-decorators.js';
import type { ProcessorDefinition } from '../model/processor-definition.js';
import { On, Processor } from '../model/processor.js';
import { altered } from '../testing/conformance/broken-stores.test-support.js';
import { testApp } from '../testing/test-app.js';
import { Application } from './application.js';
import type { InstallableDefinition, Lifecycle } from './composition.js';
import { createApp } from './create-app.js';
import type { ApplicationHealth, HealthStatus } from './health.js';

@Event({ name: 'opened' })
class Opened {}

@Command({ name: 'open' })
class Open {
  @AggregateId() readonly door: string;
  constructor(door: string) {
    this.door = door;
  }
}

@Aggregate({ name: 'door' })
class Door {
  @AggregateId() id = '';
  opened = 0;
  @CommandHandler() open(_command: Open) {
    return this.opened < 2 ? new Opened() : undefined;
  }
  @Apply(Opened) apply() {
    this.opened += 1;
  }
}

const seen: string[] = [];

@Processor({ name: 'doorman', retry: { attempts: 1 } })
class Doorman {
  @On(Opened) async opened() {
    await Promise.resolve();
    seen.push('opened');
  }
}

const withLifecycle = (lifecycle: Lifecycle): InstallableDefinition => ({
  kind: 'part',
  name: 'part',
  definedAt: 'part.ts:1:1',
  install: (composition) => composition.addLifecycle(lifecycle),
});

const failing: ProcessorDefinition = {
  kind: 'processor',
  name: 'failing',
  definedAt: 'failing.ts:1:1',
  messages: [],
  retry: { attempts: 1 },
  delivery: {
    mode: 'each',
    handle: () => {
      throw new Error('no use');
    },
  },
};

describe('an application', () => {
  it('takes commands from its start to its stop', async () => {
    const app = createApp({ backend: memory(), register: [Door] });
    await expect(app.send(new Open('d'))).rejects.toThrow(NotRunningError);
    await app.start();
    await expect(app.send(new Open('d'))).resolves.toMatchObject({ version: 0 });
    await app.stop();
    await expect(app.send(new Open('d'))).rejects.toThrow(NotRunningError);
    await app.start();
    await expect(app.send(new Open('d'))).resolves.toMatchObject({ alreadyHandled: false });
    await app.stop();
  });

  it('is stopped at the end of a scope that disposes of it', async () => {
    const trial = await testApp({ register: [Door] });
    expect(trial.app.health().status).toBe('up');
    await trial[Symbol.asyncDispose]();
    expect(trial.app.health()).toMatchObject({ status: 'down', reasons: ['The application is stopped.'] });
    await trial.app[Symbol.asyncDispose]();
  });

  it('waits until processors have seen what a command brought about', async () => {
    const { app, backend } = await testApp({ register: [Door, Doorman] });
    seen.length = 0;
    const result = await app.send(new Open('d'));
    await app.waitFor(result);
    expect(seen).toEqual(['opened']);
    await app.waitFor(await backend.events.head(), { processors: ['doorman'], timeoutMs: 1_000 });
    await expect(app.waitFor(1n, { processors: ['nobody'] })).rejects.toThrow(InvalidArgumentError);
    await expect(app.waitFor(1n, { processors: ['nobody'] })).rejects.toThrow('registered are: doorman.');
    await app.send(new Open('d'));
    const nothing = await app.send(new Open('d'));
    expect(nothing.position).toBeUndefined();
    await app.waitFor(nothing);
    await app.stop();

    const empty = await testApp({ register: [] });
    await empty.app.waitFor(7n);
    await expect(empty.app.waitFor(7n, { processors: ['nobody'] })).rejects.toThrow('registered are: none.');
    await empty.app.stop();
  });

  it('shows an aggregate as a copy of its own', async () => {
    const { app } = await testApp({ register: [Door] });
    await app.send(new Open('d'));
    const { state, version } = await app.load(Door, 'd');
    expect(state).toBeInstanceOf(Door);
    expect([state.id, state.opened, version]).toEqual(['d', 1, 0]);
    state.opened = 50;
    await expect(app.send(new Open('d'))).resolves.toMatchObject({ version: 1 });
    await expect(app.load(Door, 'other')).resolves.toMatchObject({
      state: { id: 'other', opened: 0 },
      version: -1,
    });
    await expect(app.load(Doorman, 'd')).rejects.toThrow(ConfigurationError);
    await app.stop();
  });

  it('gives the bus and itself to whoever asks the container', async () => {
    const { app } = await testApp({ register: [] });
    expect(app.get(CommandBus)).toBe(app.commands);
    expect(app.get(Application)).toBe(app);
    await app.stop();
  });

  it('leaves the container of the user as it was', () => {
    class Mine {}
    const container = new Container();
    container.bind(Mine).toSelf().inSingletonScope();
    const apps = [1, 2].map(() => createApp({ backend: memory(), register: [Doorman], container }));
    for (const app of apps) expect(app.get(Mine)).toBe(container.get(Mine));
    expect(container.isBound(CommandBus)).toBe(false);
    expect(container.isBound(Doorman)).toBe(false);
  });

  it('reports the health of its parts', async () => {
    jest.spyOn(process, 'emitWarning').mockImplementation(() => undefined);
    const { app } = await testApp({
      register: [
        Door,
        failing,
        withLifecycle({ health: () => ({ status: 'degraded', reasons: ['part is slow'] }) }),
      ],
    });
    expect(app.health()).toMatchObject({ status: 'degraded', reasons: ['part is slow'] });
    const result = await app.send(new Open('d'));
    await expect(app.waitFor(result)).rejects.toThrow('no use');
    const { status, reasons } = app.health();
    expect(status).toBe('down');
    expect(reasons[0]).toContain('processor "failing" has failed');
    await app.stop();
    jest.restoreAllMocks();
  });

  it('says whether it is alive and whether it should be sent work', async () => {
    const inner = memory();
    let status: HealthStatus = 'up';
    let go: (() => void) | undefined;
    const gate = new Promise<void>((resolve) => {
      go = resolve;
    });
    const backend = altered(inner, {
      open: () => gate,
      health: () => ({ status, reasons: status === 'up' ? [] : ['The backend is away.'] }),
    });
    let stopping: ApplicationHealth | undefined;
    const part = withLifecycle({
      stop: async () => {
        stopping = app.health();
      },
    });
    const app = createApp({ backend, register: [Doorman, part] });
    expect(app.health()).toMatchObject({ status: 'down', live: true, ready: false });
    const starting = app.start();
    expect(app.health()).toMatchObject({ status: 'down', live: true, ready: false });
    go?.();
    await starting;
    expect(app.health()).toEqual({ status: 'up', reasons: [], live: true, ready: true });
    status = 'degraded';
    expect(app.health()).toMatchObject({ status, live: true, ready: true });
    status = 'down';
    expect(app.health()).toEqual({ status, reasons: ['The backend is away.'], live: true, ready: false });
    status = 'up';
    await app.stop();
    expect(stopping).toMatchObject({ status: 'down', live: true, ready: false });
    expect(app.health()).toMatchObject({ status: 'down', live: false, ready: false });
  });

  it('is not alive when its start failed, and ready though a processor failed', async () => {
    jest.spyOn(process, 'emitWarning').mockImplementation(() => undefined);
    const broken = createApp({
      backend: memory(),
      register: [withLifecycle({ start: () => Promise.reject(new Error('no licence')) })],
    });
    await expect(broken.start()).rejects.toThrow('no licence');
    expect(broken.health()).toMatchObject({ live: false, ready: false });
    const { app } = await testApp({ register: [Door, failing] });
    const result = await app.send(new Open('d'));
    await expect(app.waitFor(result)).rejects.toThrow('no use');
    expect(app.health()).toMatchObject({ status: 'down', live: true, ready: true });
    await app.stop();
    jest.restoreAllMocks();
  });

  it('cleans up when a part cannot start, and closes the backend', async () => {
    const backend = memory();
    const close = jest.spyOn(backend, 'close');
    const app = createApp({
      backend,
      register: [Doorman, withLifecycle({ start: () => Promise.reject(new Error('no licence')) })],
    });
    await expect(app.start()).rejects.toThrow('no licence');
    expect(close).toHaveBeenCalledTimes(1);
    expect(app.processors.get('doorman')?.status().state).toBe('stopped');
    expect(app.health().status).toBe('down');
    await app.stop();
  });

  it('cleans up when one processor of several cannot start', async () => {
    const backend = memory();
    jest.spyOn(process, 'emitWarning').mockImplementation(() => undefined);
    jest.spyOn(backend.checkpoints, 'load').mockImplementation(async (name) => {
      if (name === 'failing') throw new Error('unreadable');
      return undefined;
    });
    const app = createApp({ backend, register: [Doorman, failing] });
    await expect(app.start()).rejects.toThrow('unreadable');
    expect([...app.processors.values()].map((runner) => runner.status().state)).toEqual([
      'stopped',
      'stopped',
    ]);
    jest.restoreAllMocks();
  });

  it('finishes commands under way before it closes the backend', async () => {
    const backend = memory();
    let release = (): void => {};
    const held = new Promise<void>((resolve) => (release = resolve));
    const app = createApp({
      backend,
      register: [Door],
      middleware: [
        async (command, next) => {
          await held;
          return next(command);
        },
      ],
    });
    await app.start();
    const sent = app.send(new Open('d'));
    const stopping = app.stop();
    release();
    await expect(sent).resolves.toMatchObject({ version: 0 });
    await stopping;
  });
});
