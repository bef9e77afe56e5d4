import { describe, expect, it } from '@jest/globals';
import { memory } from '../backend/memory/memory.js';
import {
  appendNumbers,
  backendWith,
  checkpointsWith,
  numberOf,
  rigRunner,
  signalled,
  until,
} from '../testing/runner-rig.test-support.js';

const nothing = { mode: 'each', handle: () => {} } as const;

describe('The checkpoint of a processor', () => {
  it('pitfall 3: a checkpoint that a second owner moved rolls back what the handler wrote', async () => {
    const backend = memory();
    await backend.documents.ensure({ name: 'sums', indexes: [] });
    await appendNumbers(backend, 's', [1, 2, 3]);
    const bothIn = signalled();
    let inside = 0;
    const add = () =>
      rigRunner(backend, {
        delivery: {
          mode: 'transaction',
          handle: async (events, tx) => {
            inside += 1;
            if (inside === 2) bothIn.resolve();
            const sums = await tx.documents.load('sums', ['sum']);
            const before = Number(sums.get('sum') ?? 0);
            const sum = events.reduce((total, event) => total + numberOf(event), before);
            await tx.documents.write('sums', [{ key: 'sum', document: sum }]);
          },
        },
      }).runner;
    const owners = [add(), add()];
    await Promise.all(owners.map((owner) => owner.start()));
    await bothIn.promise;
    const loser = await Promise.any(
      owners.map(async (owner) => {
        await until(owner, ({ state }) => state === 'failed');
        return owner;
      }),
    );
    expect(loser.status().failure?.error).toMatchObject({ code: 'checkpoint-conflict' });
    const winner = owners.find((owner) => owner !== loser);
    await winner?.waitFor(3n);
    await Promise.all(owners.map((owner) => owner.stop()));
    expect((await backend.documents.load('sums', ['sum'])).get('sum')).toBe(6);
  });

  it('handles a transaction once whose commit succeeded but whose answer was lost', async () => {
    const inner = memory();
    let lost = 0;
    const backend = backendWith(
      {
        transaction: async (work) => {
          const result = await inner.transaction(work);
          lost += 1;
          if (lost === 1) throw new Error('connection lost at commit');
          return result;
        },
      },
      inner,
    );
    await appendNumbers(inner, 's', [1, 2, 3]);
    await inner.documents.ensure({ name: 'log', indexes: [] });
    const { runner } = rigRunner(backend, {
      delivery: {
        mode: 'transaction',
        handle: async (events, tx) => {
          const log = (await tx.documents.load('log', ['log'])).get('log');
          await tx.documents.write('log', [
            { key: 'log', document: [...(Array.isArray(log) ? log : []), ...events.map(numberOf)] },
          ]);
        },
      },
    });
    await runner.start();
    await runner.waitFor(3n);
    await runner.waitFor(await appendNumbers(inner, 's', [4]));
    await runner.stop();
    expect((await inner.documents.load('log', ['log'])).get('log')).toEqual([1, 2, 3, 4]);
    expect(runner.status().failure).toBeUndefined();
  });

  it('shows a checkpoint that cannot be written, and goes on when it can', async () => {
    const inner = memory();
    const { checkpoints } = inner;
    let away = true;
    const backend = backendWith(
      {
        checkpoints: checkpointsWith(checkpoints, {
          move: (move) => (away ? Promise.reject(new Error('disk full')) : checkpoints.move(move)),
        }),
      },
      inner,
    );
    await appendNumbers(inner, 's', [1]);
    const { runner } = rigRunner(backend, { delivery: nothing });
    await runner.start();
    const { degraded } = await until(runner, (status) => status.degraded !== undefined);
    expect(degraded?.reason).toBe('its checkpoint cannot be written (Error: disk full); it is tried again.');
    away = false;
    await until(runner, (status) => status.degraded === undefined);
    await runner.stop();
    expect((await checkpoints.load('tested'))?.position).toBe(1n);
  });
});
