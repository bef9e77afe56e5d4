import { afterEach, describe, expect, it } from '@jest/globals';
import {
  ConfigurationError,
  createApp,
  memory,
  type Application,
  type Backend,
  type CommandHandlerDefinition,
  type Definition,
  type MessageContext,
} from '@tidemark/core';
import { manualClock, type ManualClock } from '@tidemark/core/testing';
import { saga, type SagaBuilder } from '../model/saga.js';
import type { SagaContext } from '../model/saga-context.js';
import { Sagas } from './sagas.js';

/** A command handler from a function, which tests change as they go. */
const handler = (
  name: string,
  handle: (data: { readonly key: string }, context: MessageContext) => unknown,
): CommandHandlerDefinition<{ readonly data: { readonly key: string } }> => ({
  kind: 'command-handler',
  name,
  definedAt: 'a test',
  messages: [],
  handle: ({ data }, context) => handle(data, context),
});

const command = (type: string, key: string) => ({ type, data: { key } });
const keyOf = (data: unknown): string => String(Reflect.get(Object(data), 'key'));

const simple = (name: string, handle: (data: unknown, context: SagaContext) => unknown) =>
  saga({
    name,
    state: () => ({}),
    inverseRetry: { attempts: 2, delay: '1s' },
    retry: { attempts: 2 },
  }).starts('begun', { key: keyOf }, (_, data, context) => handle(data, context));

describe('a running saga', () => {
  let stop: (() => Promise<void>) | undefined;
  afterEach(async () => {
    await stop?.();
    stop = undefined;
  });

  const started = async (
    builder: SagaBuilder<object>,
    ...register: Definition[]
  ): Promise<{
    app: Application;
    backend: Backend;
    clock: ManualClock;
    sagas: Sagas;
    begin(key: string): Promise<void>;
  }> => {
    const clock = manualClock();
    const backend = memory({ clock });
    const app = createApp({ backend, clock, register: [builder.build(), ...register] });
    await app.start();
    stop = () => app.stop();
    return {
      app,
      backend,
      clock,
      sagas: app.get(Sagas),
      begin: async (key) => {
        await backend.events.append(`requests-${key}`, [{ type: 'begun', data: { key } }]);
      },
    };
  };

  const until = async (clock: ManualClock, condition: () => unknown): Promise<void> => {
    for (let tick = 0; tick < 500; tick++) {
      if ((await condition()) === true) return;
      await clock.advance(50);
    }
    throw new Error('It never came to that.');
  };

  const doAndFail = (name: string) =>
    simple(name, (data, context) => {
      const key = keyOf(data);
      context.step('a', { command: command('do-a', key), inverse: command('undo-a', key) });
      context.step('b', { command: command('do-b', key), inverse: command('undo-b', key) });
    });

  it('tries a refused inverse again, and then needs a person, who can have it tried again or settle it', async () => {
    const undone: string[] = [];
    let stuck = true;
    const { sagas, clock, begin } = await started(
      doAndFail('s'),
      handler('do-a', () => 'value of a'),
      handler('do-b', () => {
        throw new Error('no b');
      }),
      handler('undo-a', ({ key }) => {
        if (stuck) throw new Error('a is stuck');
        undone.push(key);
      }),
      handler('undo-b', () => {}),
    );
    const status = async (key: string) => (await sagas.get('s', key))?.status;
    await begin('k1');
    await begin('k2');
    await until(
      clock,
      async () => (await status('k1')) === 'needs-person' && (await status('k2')) === 'needs-person',
    );
    expect((await sagas.get('s', 'k1'))?.reason).toBe('step "b" failed: no b');
    expect((await sagas.story('s', 'k1')).map(({ what }) => what)).toEqual([
      'started with key k1',
      'step a requested: command do-a',
      'step b requested: command do-b',
      'step a completed',
      'step b failed: no b',
      'compensation started: step "b" failed: no b',
      'undoing step a failed: a is stuck; tried again in 1000 ms',
      'undoing step a (attempt 2) again',
      'undoing step a (attempt 2) failed: a is stuck',
      'needs a person: The inverse of step "a" failed 2 times: a is stuck',
    ]);
    await until(clock, async () => (await sagas.list({ status: 'needs-person' })).instances.length === 2);
    stuck = false;
    await sagas.retryCompensation('s', 'k1', 'ann');
    await sagas.markResolved('s', 'k2', { by: 'bob', reason: 'done by hand' });
    await until(
      clock,
      async () => (await status('k1')) === 'compensated' && (await status('k2')) === 'compensated',
    );
    expect(undone).toEqual(['k1']);
    expect((await sagas.story('s', 'k1')).map(({ what }) => what).slice(-3)).toEqual([
      'compensation tried again by ann',
      'step a undone',
      'compensated',
    ]);
    expect((await sagas.story('s', 'k2')).at(-1)?.what).toBe('resolved by bob: done by hand');
    await until(clock, async () => (await sagas.list({ status: 'compensated' })).instances.length === 2);
  });

  it('pitfall 9: a throwing handler is tried again, then shows in the health, and goes on once mended', async () => {
    let broken = true;
    const { app, sagas, clock, begin } = await started(
      simple('s', (_, context) => {
        if (broken) throw new Error('boom');
        context.complete();
      }),
    );
    await begin('k1');
    await until(clock, () => app.health().status === 'down');
    expect(app.health().reasons.join()).toContain(
      'Saga "s", instance "k1": handler starts(begun) failed on event begun: boom',
    );
    expect(await sagas.get('s', 'k1')).toBeUndefined();
    broken = false;
    await app.processors.get('saga:s')?.start();
    await until(clock, async () => (await sagas.get('s', 'k1'))?.status === 'completed');
    expect(app.health().status).toBe('up');
  });

  it('gives up the command of an attempt whose deadline passes, tries again, and records what the next one returns', async () => {
    let tries = 0;
    let aborted = 0;
    const { sagas, clock, begin } = await started(
      simple('s', (data, context) => {
        context.step('slow', {
          command: command('think', keyOf(data)),
          deadline: '10s',
          retry: { attempts: 2, delay: '1s' },
        });
      }).onCompleted('slow', (_, context) => context.complete(context.steps('slow')[0]?.result?.value)),
      handler('think', (_, { signal }) => {
        tries += 1;
        if (tries > 1) return { answer: 42 };
        return new Promise((_resolve, reject) => {
          signal.addEventListener('abort', () => {
            aborted += 1;
            reject(new Error('given up'));
          });
        });
      }),
    );
    await begin('k1');
    await until(clock, async () => (await sagas.get('s', 'k1'))?.status === 'completed');
    expect({ tries, aborted }).toEqual({ tries: 2, aborted: 1 });
    expect((await sagas.get('s', 'k1'))?.result).toEqual({ answer: 42 });
  });

  it('undoes a step that is under way when another one fails, after it has ended', async () => {
    const done: string[] = [];
    const { sagas, clock, begin } = await started(
      doAndFail('s'),
      handler('do-a', async (_, { signal }) => {
        await new Promise((resolve) => signal.addEventListener('abort', resolve));
        done.push('a ended');
        throw new Error('given up');
      }),
      handler('do-b', () => {
        throw new Error('no b');
      }),
      handler('undo-a', () => done.push('a undone')),
      handler('undo-b', () => {}),
    );
    await begin('k1');
    await until(clock, async () => (await sagas.get('s', 'k1'))?.status === 'compensated');
    expect(done).toEqual(['a ended', 'a undone']);
  });

  it('shows a command that nobody handles instead of taking it for a refusal', async () => {
    const { app, sagas, clock, begin } = await started(
      simple('s', (data, context) => context.step('a', { command: command('nobody', keyOf(data)) })),
    );
    await begin('k1');
    await until(clock, () => app.health().status === 'down');
    expect(app.health().reasons.join()).toContain('No handler is registered for command "nobody"');
    expect((await sagas.get('s', 'k1'))?.status).toBe('running');
  });

  it('passes over events for instances that there are not', async () => {
    const { app, backend, sagas, begin } = await started(
      simple('s', () => {}).on('more', () => {}, { key: keyOf }),
    );
    await begin('k1');
    const { position } = await backend.events.append('other', [
      { type: 'more', data: { key: 'k2' } },
      { type: 'more', data: { key: '' } },
      { type: 'more', data: { key: 'k1' } },
    ]);
    await app.waitFor(position);
    expect(await sagas.get('s', 'k2')).toBeUndefined();
    expect((await sagas.story('s', 'k1')).map(({ kind }) => kind)).toEqual(['started', 'handled']);
  });

  it('fires a timer at a time of the clock, keeps one timer a name, and forgets a cancelled one', async () => {
    const fired: string[] = [];
    const { clock, begin } = await started(
      simple('s', (_, context) => {
        context.timer('once', { after: '1h' });
        context.timer('once', { at: new Date(context.now.getTime() + 2 * 3_600_000) });
        context.timer('never', { after: '1h' });
        context.cancelTimer('never');
        context.cancelTimer('unknown');
      })
        .onTimer('once', (_, context) => fired.push(`once ${context.now.toISOString()}`))
        .onTimer('never', () => fired.push('never')),
    );
    await begin('k1');
    await clock.advance(0);
    for (let minutes = 0; minutes < 180; minutes += 10) await clock.advance(600_000);
    expect(fired).toEqual(['once 2026-01-01T02:00:00.000Z']);
  });
});

describe('sagas put together wrongly', () => {
  it("are refused when they could mistake each other's instances", () => {
    const register = [simple('order', () => {}).build(), simple('order-returns', () => {}).build()];
    expect(() => createApp({ backend: memory(), register })).toThrow(ConfigurationError);
    expect(() => createApp({ backend: memory(), register })).toThrow('could mistake each');
  });

  it('are refused without a beginning, with a bad name, or with two handlers for one thing', () => {
    const state = () => ({});
    expect(() => saga({ name: 's', state }).build()).toThrow('never begins');
    expect(() => saga({ name: 'a b', state })).toThrow('needs a name');
    expect(() =>
      saga({ name: 's', state })
        .onTimer('t', () => {})
        .onTimer('t', () => {}),
    ).toThrow('two handlers for "t"');
    expect(() => simple('s', () => {}).on(class Undecorated {}, () => {})).toThrow('add @Event');
  });
});
