import { setImmediate } from 'node:timers/promises';
import { describe, expect, it } from '@jest/globals';
import { memory } from '../backend/memory/memory.js';
import { currentContext } from '../messages/context.js';
import type { HandlerMiddleware } from '../model/middleware.js';
import { OnLifecycle } from '../model/on-lifecycle.js';
import { definitionsOf } from '../model/definitions-of.js';
import type { ProcessorDefinition } from '../model/processor-definition.js';
import { On, Processor } from '../model/processor.js';
import type { ProcessorChange } from '../observation/processor-change.js';
import { createApp } from './create-app.js';

const noting =
  (seen: unknown[], name: string): HandlerMiddleware =>
  async (call, next) => {
    call.context.set('by', name);
    seen.push([name, call.kind, call.context.processor]);
    await next();
  };

describe('Lifecycle hooks', () => {
  it('are told of each moment, in the class and in the application; what they throw changes nothing', async () => {
    const hooks: string[] = [];
    const told: string[] = [];

    @Processor({ name: 'letters' })
    class Letters {
      @On('sent') sent() {}
      @OnLifecycle('started', 'caught-up', 'stopped') note({ kind, processor, status }: ProcessorChange) {
        hooks.push(`${processor} ${kind} ${status.state}`);
      }
      @OnLifecycle('paused') fail() {
        throw new Error('no pause, please');
      }
    }

    const problems: string[] = [];
    const backend = memory();
    const app = createApp({
      backend,
      register: [Letters],
      onProblem: ({ source, error }) =>
        void problems.push(`${source}: ${error instanceof Error ? error.message : ''}`),
    });
    const end = app.onProcessorChange(({ kind }) => void told.push(kind));
    app.onProcessorChange(async ({ kind }) => {
      if (kind === 'resumed') throw new Error('nor this');
    });
    await app.start();
    await backend.events.append('s', [{ type: 'sent', data: {} }]);
    await app.waitFor(1n);
    const runner = app.processors.get('letters');
    await runner?.pause();
    await runner?.resume();
    expect(runner?.status().state).toBe('running');
    // What listeners throw comes out in a turn of its own.
    await setImmediate();
    expect(app.health().reasons).toEqual([
      'Failed: a lifecycle hook of processor "letters": no pause, please',
      'Failed: a listener to processors, at "letters": nor this',
    ]);
    end();
    await app.stop();
    expect(told).toEqual(['started', 'caught-up', 'paused', 'resumed']);
    expect(hooks).toEqual([
      'letters started running',
      'letters caught-up running',
      'letters stopped stopped',
    ]);
    expect(problems).toHaveLength(2);
  });

  it('must say when, on a method of an instance', () => {
    expect(() => OnLifecycle()).toThrow(/must say when to call the method/);
    @Processor({ name: 'static' })
    class Static {
      @On('sent') sent() {}
      @OnLifecycle('failed') static failed() {}
    }
    expect(() => definitionsOf(Static)).toThrow(/Static\.failed .* remove "static"/);
  });
});

describe('Middleware around handlers', () => {
  it('stands around every processor of the application, then those of its own, then the handler', async () => {
    const seen: unknown[] = [];

    @Processor({ name: 'letters', middleware: [noting(seen, 'own')] })
    class Letters {
      @On('sent') sent() {
        seen.push(currentContext()?.outgoing()['by']);
      }
    }

    const model: ProcessorDefinition = {
      kind: 'processor',
      name: 'model',
      definedAt: 'here:1:1',
      messages: [],
      delivery: { mode: 'transaction', handle: async () => void seen.push('stored') },
    };
    const backend = memory();
    const app = createApp({
      backend,
      register: [Letters, model],
      eventMiddleware: [noting(seen, 'first'), noting(seen, 'second')],
    });
    await app.start();
    await backend.events.append('s', [{ type: 'sent', data: {} }]);
    await app.waitFor(1n);
    await app.stop();
    const of = (name: string): readonly unknown[] =>
      seen.filter((entry) => Array.isArray(entry) && entry[2] === name);
    expect(of('letters')).toEqual([
      ['first', 'event', 'letters'],
      ['second', 'event', 'letters'],
      ['own', 'event', 'letters'],
    ]);
    expect(of('model')).toEqual([
      ['first', 'transaction', 'model'],
      ['second', 'transaction', 'model'],
    ]);
    expect(seen).toContain('own');
    expect(seen).toContain('stored');
  });
});
