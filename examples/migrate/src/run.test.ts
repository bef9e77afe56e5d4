import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { pglite } from '@tidemark/adapters/pglite';
import { ConfigurationError, originOf, type Migration, type RecordedEvent } from '@tidemark/core';
import { progressLine } from './progress-line.js';
import { run, type RunOptions } from './run.js';
import { backendAt } from './stores.js';

let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tidemark-migrate-'));
});
afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

const fill = async (name: string): Promise<void> => {
  const backend = pglite({ folder: join(folder, name) });
  await backend.open();
  await backend.events.append('order-1', [
    { type: 'order-placed', data: { sku: 'a' } },
    { type: 'Order.Priced', data: { price: 12.34 } },
    { type: 'Heartbeat', data: {} },
  ]);
  await backend.events.append('user-1', [{ type: 'Joined', data: {} }]);
  await backend.close();
};

const eventsOf = async (name: string): Promise<readonly RecordedEvent[]> => {
  const backend = pglite({ folder: join(folder, name) });
  await backend.open();
  const events: RecordedEvent[] = [];
  for await (const batch of backend.events.readAll()) events.push(...batch);
  await backend.close();
  return events;
};

const migrateWith = (options: Partial<RunOptions> = {}): ReturnType<typeof run> =>
  run({
    from: `pglite:${join(folder, 'old')}`,
    to: `pglite:${join(folder, 'new')}`,
    name: 'm',
    prefix: [],
    follow: false,
    existing: false,
    show: () => undefined,
    ...options,
  });

describe('the command that migrates', () => {
  it('copies by its rules, verifies, and copies nothing twice', async () => {
    await fill('old');
    const lines: string[] = [];
    const first = await migrateWith({ show: (line) => lines.push(line) });
    expect(first.written).toBe(3);
    const events = await eventsOf('new');
    expect(events.map(({ stream, type, data }) => [stream, type, data])).toEqual([
      ['order-1', 'Order.Placed', { sku: 'a' }],
      ['order-1', 'Order.Priced', { cents: 1234 }],
      ['user-1', 'Joined', {}],
    ]);
    expect(events.map((event) => originOf(event)?.version)).toEqual([0, 1, 0]);
    expect(lines.at(0)).toContain('Copying: 100 %');
    expect(lines.at(-1)).toContain('Verifying');
    expect((await migrateWith()).written).toBe(0);
  }, 60_000);

  it('follows until it is told to finish, and takes some streams only', async () => {
    await fill('old');
    let begun: Migration | undefined;
    const running = migrateWith({
      follow: true,
      prefix: ['user-'],
      begun: (migration) => {
        begun = migration;
        void migration.caughtUp().then(() => migration.finish());
      },
    });
    expect((await running).written).toBe(1);
    expect(begun?.progress()?.fraction).toBe(1);
  }, 60_000);

  it('refuses addresses that it does not know, without quoting them', () => {
    expect(() => backendAt('mysql://u:s3cret@h', undefined)).toThrow(ConfigurationError);
    expect(() => backendAt('mysql://u:s3cret@h', undefined)).not.toThrow('s3cret');
    expect(() => backendAt('folder', undefined)).toThrow('pglite:./folder');
    expect(backendAt('esdb://localhost', './state').name).toBe('eventstoredb');
    expect(backendAt('postgres://localhost/db', undefined).name).toBe('postgres');
  });

  it('says how far it is in one line', () => {
    const progress = {
      phase: 'copying' as const,
      handled: 1500,
      written: 1400,
      total: 6000,
      position: 1500n,
      fraction: 0.25,
      ratePerSecond: 50,
      etaMs: 90_000,
    };
    expect(progressLine(progress)).toBe(
      'Copying: 25 %, 1,500 of about 6,000 events, 1,400 written, 50/s, 1 min 30 s left',
    );
    expect(progressLine({ ...progress, total: undefined, etaMs: undefined })).toBe(
      'Copying: 25 %, 1,500 events, 1,400 written, 50/s',
    );
    expect(progressLine({ ...progress, phase: 'following' })).toContain('press Ctrl-C once');
  });
});
