import { describe, expect, it, jest } from '@jest/globals';
import type { Backend } from '../backend/backend.js';
import { memory } from '../backend/memory/memory.js';
import { StoreUnavailableError } from '../log/errors.js';
import { Schema } from '../schema/schema.js';
import {
  appendNumbers,
  backendWith,
  checkpointsWith,
  collector,
  numberOf,
  rawUpcaster,
  rigRunner,
  until,
} from '../testing/runner-rig.test-support.js';
import { ProcessorFailedError } from './errors.js';

const nothing = { mode: 'each', handle: () => {} } as const;

describe.each(['each', 'transaction'] as const)('A processor that fails with delivery %s', (mode) => {
  it('pitfalls 9 and 10: tries again, then fails loudly at the event, skips nothing, and goes on there', async () => {
    const backend = memory();
    await appendNumbers(backend, 's', [1, 2, 3]);
    let broken = true;
    const seen: number[] = [];
    const handle = (number: number): void => {
      if (number === 2 && broken) throw new Error('no twos');
      seen.push(number);
    };
    const { runner, warnings } = rigRunner(backend, {
      role: 'saga',
      delivery:
        mode === 'each'
          ? { mode, handle: (event) => handle(numberOf(event)) }
          : {
              mode,
              handle: async (events) => {
                for (const event of events) if (numberOf(event) === 2 && broken) throw new Error('no twos');
                for (const event of events) handle(numberOf(event));
              },
            },
    });
    await runner.start();
    await expect(runner.waitFor(3n)).rejects.toThrow(ProcessorFailedError);
    await expect(runner.waitFor(3n)).rejects.toMatchObject({ code: 'processor-failed', processor: 'tested' });
    const status = runner.status();
    expect(status).toMatchObject({ state: 'failed', position: 1n, failure: { attempts: 3 }, retried: 2 });
    expect(status.failure?.event?.position).toBe(2n);
    expect(status.failure?.error.message).toBe('no twos');
    expect(status.failure?.reason).toContain(
      'saga "tested" has failed at event "number" (stream "s", version 1, position 2)',
    );
    expect(warnings).toEqual([status.failure?.reason]);
    expect(seen).toEqual([1]);
    broken = false;
    await runner.resume();
    await runner.waitFor(3n);
    expect(seen).toEqual([1, 2, 3]);
    expect(runner.status().failure).toBeUndefined();
    await runner.stop();
  });

  it.each([undefined, null, 'text', 0, Object.create(null)])(
    'deals with a handler that throws %p',
    async (thrown) => {
      const backend = memory();
      await appendNumbers(backend, 's', [1]);
      const reject = (): Promise<never> => {
        throw thrown;
      };
      const { runner } = rigRunner(backend, {
        delivery: mode === 'each' ? { mode, handle: reject } : { mode, handle: reject },
      });
      await runner.start();
      await until(runner, ({ state }) => state === 'failed');
      expect(runner.status().failure?.error).toMatchObject({ code: 'non-error-thrown', thrown });
      await runner.stop();
      expect(runner.status()).toMatchObject({ state: 'stopped', failure: { attempts: 3 } });
    },
  );

  it('handles what comes before an event that cannot be read, then fails at it', async () => {
    const backend = memory();
    await appendNumbers(backend, 's', [1, 2]);
    await backend.events.append('s', [{ type: 'bad', data: 3 }]);
    await appendNumbers(backend, 's', [4]);
    const schema = new Schema();
    schema.register(
      rawUpcaster('bad', ['good'], () => {
        throw new Error('cannot be read');
      }),
    );
    const seen: number[] = [];
    const { runner } = rigRunner(backend, { delivery: collector(mode, seen) }, { schema });
    await runner.start();
    await until(runner, ({ state }) => state === 'failed');
    expect(seen).toEqual([1, 2]);
    await runner.stop();
    expect(runner.status()).toMatchObject({ checkpoint: 2n, failure: { event: { position: 3n } } });
  });

  it('fails at once where the very first event cannot be read', async () => {
    const backend = memory();
    await backend.events.append('s', [{ type: 'bad', data: 3 }]);
    const schema = new Schema();
    schema.read = () => {
      throw new Error('cannot be read');
    };
    const { runner } = rigRunner(backend, { delivery: collector(mode, []) }, { schema });
    await runner.start();
    const { failure } = await until(runner, ({ state }) => state === 'failed');
    expect(failure).toMatchObject({ event: { position: 1n }, attempts: 1 });
    await runner.stop();
  });

  it('does not count an outage of the backend as failure of the handler: shows it and tries until it is over', async () => {
    const backend = memory();
    await appendNumbers(backend, 's', [1]);
    let away = 20;
    const work = (): void => {
      away -= 1;
      if (away >= 0) throw new StoreUnavailableError('away');
    };
    const { runner } = rigRunner(backend, {
      delivery: mode === 'each' ? { mode, handle: work } : { mode, handle: async () => work() },
    });
    await runner.start();
    const { degraded } = await until(runner, (status) => status.degraded !== undefined);
    expect(degraded?.reason).toContain('backend away');
    await runner.waitFor(1n);
    expect(runner.status()).toMatchObject({ state: 'running', retried: 20 });
    expect(runner.status().degraded).toBeUndefined();
    await runner.stop();
  });

  it('pitfall 13: opens a subscription that ends or fails again, and shows it meanwhile', async () => {
    const inner = memory();
    let opened = 0;
    const backend = backendWith(
      {
        events: Object.assign(Object.create(inner.events) as Backend['events'], {
          head: () => inner.events.head(),
          subscribe: (options: Parameters<Backend['events']['subscribe']>[0]) => {
            opened += 1;
            if (opened === 1) throw new Error('refused');
            const subscription = inner.events.subscribe(options);
            return {
              close: async () => {
                await subscription.close();
                throw new Error('cannot be closed');
              },
              async *[Symbol.asyncIterator]() {
                for await (const batch of subscription) {
                  yield batch;
                  if (opened <= 4) break;
                }
                if (opened === 3) throw new Error('connection lost');
              },
            };
          },
        }),
      },
      inner,
    );
    for (let count = 1; count <= 6; count += 1) await appendNumbers(inner, 's', [count]);
    const seen: number[] = [];
    const reasons = new Set<string>();
    const { runner } = rigRunner(backend, { delivery: collector(mode, seen), batchSize: 1 });
    runner.onChange(({ degraded }) => void reasons.add(degraded?.reason ?? 'none'));
    await runner.start();
    await runner.waitFor(6n);
    expect(seen).toEqual([1, 2, 3, 4, 5, 6]);
    expect([...reasons]).toEqual(
      expect.arrayContaining([
        'its subscription failed (Error: refused); it is tried again.',
        'its subscription ended by itself; it is tried again.',
        'its subscription failed (Error: connection lost); it is tried again.',
      ]),
    );
    expect(runner.status().degraded).toBeUndefined();
    await runner.stop();
  });

  it('fails when another instance moved its checkpoint', async () => {
    const backend = memory();
    await appendNumbers(backend, 's', [1]);
    const { runner } = rigRunner(backend, { delivery: collector(mode, []) });
    await runner.start();
    await runner.waitFor(1n);
    await runner.pause();
    await backend.checkpoints.move({ processor: 'tested', segment: 0, previous: 1n, position: 7n });
    await appendNumbers(backend, 's', [2]);
    await runner.resume();
    const { failure } = await until(runner, ({ state }) => state === 'failed');
    expect(failure?.error).toMatchObject({ code: 'checkpoint-conflict' });
    expect(failure?.reason).toContain('has let go');
    await runner.stop();
    expect((await backend.checkpoints.load('tested'))?.position).toBe(7n);
  });

  it('fails to start, loudly, when its checkpoint cannot be loaded; a later start may succeed', async () => {
    let away = true;
    const inner = memory();
    const { checkpoints } = inner;
    const backend = backendWith(
      {
        checkpoints: checkpointsWith(checkpoints, {
          load: (name) => (away ? Promise.reject(new Error('away')) : checkpoints.load(name)),
        }),
      },
      inner,
    );
    const { runner } = rigRunner(backend, { delivery: collector(mode, []) });
    await expect(runner.start()).rejects.toThrow('away');
    expect(runner.status()).toMatchObject({ state: 'failed' });
    away = false;
    await runner.start();
    expect(runner.status()).toMatchObject({ state: 'running' });
    await runner.stop();
  });
});

describe('A processor that fails', () => {
  it('warns the process of a failure where nothing else is given, and of a listener that throws', async () => {
    const backend = memory();
    await appendNumbers(backend, 's', [1]);
    const emitWarning = jest.spyOn(process, 'emitWarning').mockImplementation(() => {});
    const fail = (): never => {
      throw new Error('broken');
    };
    const { runner } = rigRunner(backend, { delivery: { mode: 'each', handle: fail } }, { warn: undefined });
    await runner.start();
    await until(runner, ({ state }) => state === 'failed');
    expect(emitWarning).toHaveBeenCalledWith(expect.stringContaining('processor "tested" has failed'), {
      code: 'TIDEMARK_PROCESSOR',
    });
    emitWarning.mockRestore();
    await runner.stop();

    const other = rigRunner(backend, { delivery: nothing });
    other.runner.onChange(() => {
      throw new Error('bad listener');
    });
    await other.runner.start();
    expect(other.warnings[0]).toContain('bad listener');
    await other.runner.stop();
  });

  it('fails at an event whose key cannot be told', async () => {
    const backend = memory();
    await appendNumbers(backend, 's', [1, 2]);
    const seen: number[] = [];
    const { runner } = rigRunner(backend, {
      delivery: {
        mode: 'each',
        handle: (event) => void seen.push(numberOf(event)),
        key: () => {
          throw new Error('no key');
        },
      },
    });
    await runner.start();
    const { failure } = await until(runner, ({ state }) => state === 'failed');
    expect(failure).toMatchObject({ event: { position: 1n }, attempts: 1 });
    await runner.stop();
    expect(seen).toEqual([]);
    expect(runner.status().checkpoint).toBeUndefined();
  });
});
