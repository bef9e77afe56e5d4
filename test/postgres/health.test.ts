import { setTimeout as wait } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { postgres } from '@tidemark/adapters/postgres';
import { StoreUnavailableError } from '@tidemark/core';
import type { Backend, Health } from '@tidemark/core';
import { startOwnPostgres, type OwnTestServer } from '../support/postgres-server.js';

let server: OwnTestServer | undefined;
beforeAll(async () => {
  server = await startOwnPostgres();
}, 60_000);
afterAll(() => server?.close());

const until = async (backend: Backend, status: Health['status']): Promise<Health> => {
  for (;;) {
    const health = backend.health?.();
    if (health?.status === status) return health;
    await wait(10);
  }
};

/** What is said of the server itself, beside what the wake-ups may say. */
const untilAway = async (backend: Backend, status: Health['status']): Promise<string> => {
  for (;;) {
    const health = await until(backend, status);
    const reason = health.reasons.find((each) => each.startsWith('PostgreSQL at'));
    if (reason !== undefined) return reason;
    await wait(10);
  }
};

describe('the health of PostgreSQL', () => {
  it('says since when and why it cannot be reached, without the password, and recovers by itself', async () => {
    const connectionString = server?.connectionString ?? '';
    const backend = postgres({ connectionString, schema: server?.schema(), connectTimeoutMs: 500 });
    expect(backend.health?.()).toEqual({ status: 'up', reasons: [] });
    await backend.open();
    expect(await until(backend, 'up')).toEqual({ status: 'up', reasons: [] });
    const before = Date.now();
    await server?.kill();
    // Nobody asks anything of it: the connections that broke are what tells.
    const degraded = await untilAway(backend, 'degraded');
    const down = await untilAway(backend, 'down');
    await expect(backend.checkpoints.load('p')).rejects.toThrow(StoreUnavailableError);
    for (const reason of [degraded, down]) {
      expect(reason).toMatch(
        /^PostgreSQL at 127\.0\.0\.1:\d+\/postgres cannot be reached since \S+Z: \S.*\.$/,
      );
      expect(reason).not.toContain(new URL(connectionString).password);
      const since = Date.parse(/since (\S+Z)/.exec(reason)?.[1] ?? '');
      expect(since).toBeGreaterThanOrEqual(before);
      expect(since).toBeLessThanOrEqual(Date.now());
    }
    expect(down.slice(0, down.indexOf('Z'))).toBe(degraded.slice(0, degraded.indexOf('Z')));
    await server?.start();
    expect(await until(backend, 'up')).toEqual({ status: 'up', reasons: [] });
    await backend.close();
    expect(backend.health?.()).toEqual({ status: 'up', reasons: [] });
  }, 60_000);

  it('is degraded while calls find no free connection in time, and up when there is one', async () => {
    const backend = postgres({
      connectionString: server?.connectionString,
      schema: server?.schema(),
      maxConnections: 1,
      connectTimeoutMs: 100,
    });
    await backend.open();
    await until(backend, 'up');
    let release: (() => void) | undefined;
    const released = new Promise<void>((resolve) => {
      release = resolve;
    });
    const holding = backend.transaction(() => released);
    const refused = backend.checkpoints.load('p').catch((error: unknown) => error);
    expect(await refused).toBeInstanceOf(StoreUnavailableError);
    expect(backend.health?.()).toEqual({
      status: 'degraded',
      reasons: [
        expect.stringMatching(
          /^Since \S+Z calls wait in vain for a connection to .* all 1 connections were in use/,
        ),
      ],
    });
    release?.();
    await holding;
    // Nobody has asked for one since.
    expect(backend.health?.()).toEqual({ status: 'up', reasons: [] });
    await backend.close();
  });
});
