import { describe, expect, it } from '@jest/globals';
import { setImmediate } from 'node:timers/promises';
import { memory } from '../backend/memory/memory.js';
import { NotRunningError } from '../commands/errors.js';
import { Event } from '../model/message-decorators.js';
import { testApp } from '../testing/test-app.js';
import type { LiveSubscription } from './live-subscription.js';
import { matching } from './type-pattern.js';

@Event({ name: 'noted' })
class Noted {
  constructor(readonly text: string) {}
}

@Event({ name: 'grown', version: 2 })
class Grown {}

const until = async (isSo: () => boolean): Promise<void> => {
  while (!isSo()) await setImmediate();
};

const noted = (text: string) => ({ type: 'noted', data: { text } });

describe('a live subscription', () => {
  it('calls back for what comes from then on, in order, until it is closed', async () => {
    const { app, backend } = await testApp({ register: [] });
    await backend.events.append('s-1', [noted('before')]);
    const got: unknown[] = [];
    const subscription = await app.subscribe(
      { type: Noted, stream: 's-*' },
      async (data, { event, processor }) => {
        await setImmediate();
        got.push([data, event.version, processor]);
      },
    );
    await backend.events.append('other', [noted('elsewhere')]);
    await backend.events.append('s-1', [noted('one'), { type: 'x', data: 0 }, noted('two')]);
    const head = await backend.events.head();
    await until(() => subscription.position === head);
    expect(got).toEqual([
      [new Noted('one'), 1, 'subscription 1'],
      [new Noted('two'), 3, 'subscription 1'],
    ]);
    await subscription.close();
    await subscription.close();
    await subscription.done;
    await backend.events.append('s-1', [noted('after')]);
    await setImmediate();
    expect(got).toHaveLength(2);
    await app.stop();
  });

  it('starts where it is told, ends with its signal, its scope or the application', async () => {
    const { app, backend } = await testApp({ register: [Noted] });
    await backend.events.append('s-1', [noted('before')]);
    const got: string[] = [];
    const ending = new AbortController();
    const first = await app.subscribe<Noted>(
      matching('no*'),
      ({ text }) => {
        got.push(text);
        ending.abort();
      },
      { after: 0n, name: 'mine', signal: ending.signal },
    );
    await first.done;
    expect([first.name, got]).toEqual(['mine', ['before']]);
    const scoped = async () => {
      await using subscription = await app.subscribe('noted', () => undefined);
      return subscription;
    };
    await (await scoped()).done;
    const last = await app.subscribe('noted', () => undefined);
    await app.stop();
    await last.done;
    await expect(app.subscribe('noted', () => undefined)).rejects.toThrow(NotRunningError);
  });

  it('does not begin if its signal was aborted, or while it began', async () => {
    const { app, backend } = await testApp({ register: [] });
    await expect(
      app.subscribe('noted', () => undefined, { signal: AbortSignal.abort(new Error('too late')) }),
    ).rejects.toThrow('too late');
    const ending = new AbortController();
    const subscribing = app.subscribe('noted', () => undefined, { signal: ending.signal });
    ending.abort();
    await (await subscribing).done;
    await backend.events.append('s-1', [noted('one')]);
    await app.stop();
  });

  it('aborts the signal of a running handler and waits for it; a handler may close its own subscription', async () => {
    const { app, backend } = await testApp({ register: [Noted] });
    let aborted = false;
    const waiting = await app.subscribe('noted', async (_, { signal }) => {
      await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
      await setImmediate();
      aborted = true;
      throw new Error('which nobody needs to know any more');
    });
    const own: LiveSubscription = await app.subscribe('noted', (): Promise<void> => own.close());
    await backend.events.append('s-1', [noted('one'), noted('two')]);
    await own.done;
    await waiting.close();
    expect(aborted).toBe(true);
    await waiting.done;
    expect(app.health().status).toBe('up');
    await app.stop();
  });

  it('tries a failing handler again, then ends, and the health shows it', async () => {
    const { app, backend, clock } = await testApp({ register: [] });
    const attempts: number[] = [];
    const subscription = await app.subscribe(
      'noted',
      (_, { attempt }) => {
        attempts.push(attempt);
        throw new Error('never');
      },
      { name: 'mine', retry: { attempts: 2, initialDelayMs: 0, maxDelayMs: 0 } },
    );
    await backend.events.append('s-1', [noted('one')]);
    await until(() => {
      void clock.advance(1);
      return attempts.length === 2;
    });
    await expect(subscription.done).rejects.toThrow('never');
    expect(attempts).toEqual([1, 2]);
    expect(app.health()).toMatchObject({ status: 'degraded', reasons: ['Failed: mine: never'] });
    await subscription.close();
    expect(app.health().status).toBe('degraded');
    await app.stop();
  });

  it('is closed while it waits for another try', async () => {
    const { app, backend, clock } = await testApp({ register: [] });
    const subscription = await app.subscribe('noted', () => Promise.reject(new Error('busy')), {
      retry: { attempts: 9, initialDelayMs: 1_000_000, maxDelayMs: 1_000_000 },
    });
    await backend.events.append('s-1', [noted('one')]);
    await until(() => clock.pending > 0);
    await subscription.close();
    await expect(subscription.done).resolves.toBeUndefined();
    await app.stop();
  });

  it('ends at an event that cannot be read', async () => {
    const { app, backend } = await testApp({ register: [Noted] });
    const subscription = await app.subscribe('**', () => undefined);
    await backend.events.append('s-1', [{ ...noted('one'), schemaVersion: 7 }]);
    await expect(subscription.done).rejects.toThrow('noted');
    await app.stop();
  });

  it('goes on when the store breaks off, and the health shows it meanwhile', async () => {
    const backend = memory();
    const { app, clock } = await testApp({ backend, register: [] });
    const subscribe = backend.events.subscribe.bind(backend.events);
    backend.events.subscribe = () => {
      throw new Error('away');
    };
    const got: unknown[] = [];
    const subscription = await app.subscribe('noted', (data) => void got.push(data), { name: 'mine' });
    await until(() => app.health().status === 'degraded');
    expect(app.health().reasons).toEqual(['Failed: mine: away']);
    backend.events.subscribe = subscribe;
    await backend.events.append('s-1', [noted('one')]);
    await until(() => {
      void clock.advance(100);
      return got.length === 1;
    });
    expect(app.health().status).toBe('up');
    await subscription.close();
    await app.stop();
  });

  it('refuses a match that is not valid, and an event whose older forms nobody knows', async () => {
    const { app } = await testApp({ register: [] });
    await expect(app.subscribe('a..*', () => undefined)).rejects.toThrow('The match of subscription 1');
    await expect(app.subscribe(Grown, () => undefined)).rejects.toThrow('has older versions');
    await app.stop();
  });
});
