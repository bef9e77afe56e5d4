import { hostname } from 'node:os';
import { describe, expect, it } from '@jest/globals';
import type { Backend } from '../backend/backend.js';
import { memory } from '../backend/memory/memory.js';
import type { NodeStore } from '../backend/nodes.js';
import { InvalidArgumentError, StoreUnavailableError } from '../log/errors.js';
import { altered } from '../testing/conformance/broken-stores.test-support.js';
import { manualClock } from '../testing/manual-clock.js';
import type { ManualClock } from '../testing/manual-clock.js';
import { createApp } from './create-app.js';
import type { NodeOptions } from './node-presence.js';

/** A backend that several processes could use, opened and closed by nobody. */
const sharedBackend = (clock: ManualClock, nodes?: (inner: NodeStore) => Partial<NodeStore>): Backend => {
  const inner = memory({ clock });
  return altered(inner, {
    events: altered(inner.events, { capabilities: { ...inner.events.capabilities, shared: true } }),
    nodes: altered(inner.nodes, nodes?.(inner.nodes) ?? {}),
    close: async () => undefined,
  });
};

const appOn = (backend: Backend, clock: ManualClock, node?: NodeOptions) =>
  createApp({ backend, clock, register: [], node });

describe('the nodes of an application', () => {
  it('are those that run it, each start another one', async () => {
    const clock = manualClock();
    const backend = sharedBackend(clock);
    const one = appOn(backend, clock, { name: 'one', address: 'http://one', version: '1.2.3' });
    const two = appOn(backend, clock);
    await one.start();
    await clock.advance(5);
    await two.start();
    const [first, second, ...others] = await two.nodes();
    expect(others).toEqual([]);
    expect(first).toMatchObject({ name: 'one', address: 'http://one', version: '1.2.3' });
    expect(first?.startedAt).toEqual(new Date('2026-01-01T00:00:00Z'));
    expect(second).toEqual({ id: expect.any(String), name: hostname(), startedAt: clock.now() });
    await one.stop();
    expect(await two.nodes()).toEqual([second]);
    await one.start();
    const again = (await two.nodes()).find(({ name }) => name === 'one');
    expect(again?.id).not.toBe(first?.id);
    await one.stop();
    await two.stop();
    expect(await backend.nodes.list()).toEqual([]);
    expect(clock.pending).toBe(0);
  });

  it('stay on the list while they run, and not for long when they die', async () => {
    const clock = manualClock();
    const backend = sharedBackend(clock);
    const one = appOn(backend, clock);
    await one.start();
    await backend.nodes.announce({ id: 'dead', name: 'dead', startedAt: clock.now() }, 10_000);
    await clock.advance(9_000);
    expect(await one.nodes()).toHaveLength(2);
    await clock.advance(1_000);
    expect(await one.nodes()).toHaveLength(1);
    await clock.advance(3_600_000);
    expect(await one.nodes()).toHaveLength(1);
    await one.stop();
  });

  it('is just itself on a backend that only this process can use, without a heartbeat', async () => {
    const clock = manualClock();
    const app = appOn(memory({ clock }), clock, { name: 'alone' });
    expect(await app.nodes()).toEqual([]);
    await app.start();
    expect(clock.pending).toBe(0);
    expect(await app.nodes()).toMatchObject([{ name: 'alone' }]);
    await app.stop();
    expect(await app.nodes()).toEqual([]);
  });

  it('announce themselves again when they can, and say so meanwhile; a stop does not fail', async () => {
    const clock = manualClock();
    let away = false;
    const unless = async <Result>(work: () => Promise<Result>): Promise<Result> => {
      if (away) throw new StoreUnavailableError('gone fishing');
      return work();
    };
    const backend = sharedBackend(clock, (inner) => ({
      announce: (node, ttlMs) => unless(() => inner.announce(node, ttlMs)),
      withdraw: (id) => unless(() => inner.withdraw(id)),
    }));
    const app = appOn(backend, clock);
    await app.start();
    away = true;
    await clock.advance(20_000);
    expect(app.health()).toMatchObject({ status: 'degraded', live: true, ready: true });
    expect(app.health().reasons.join()).toContain('gone fishing');
    expect(await app.nodes()).toEqual([]);
    away = false;
    await clock.advance(3_400);
    expect(app.health().status).toBe('up');
    expect(await app.nodes()).toHaveLength(1);
    away = true;
    await app.stop();
    expect(await backend.nodes.list()).toHaveLength(1);
    await clock.advance(10_000);
    expect(await backend.nodes.list()).toEqual([]);
  });

  it('cannot start where they cannot announce themselves', async () => {
    const clock = manualClock();
    const backend = sharedBackend(clock, () => ({
      announce: () => Promise.reject(new StoreUnavailableError('gone fishing')),
    }));
    await expect(appOn(backend, clock).start()).rejects.toThrow('gone fishing');
  });

  it('are refused names that no store can hold', () => {
    expect(() => appOn(memory(), manualClock(), { name: '' })).toThrow(InvalidArgumentError);
    expect(() => appOn(memory(), manualClock(), { address: 'a'.repeat(501) })).toThrow('node.address');
  });
});
