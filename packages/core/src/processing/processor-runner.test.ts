import { describe, expect, it } from '@jest/globals';
import { memory } from '../backend/memory/memory.js';
import { ConfigurationError } from '../error.js';
import { currentContext, MessageContext, outgoingMetadata, withMetadata } from '../messages/context.js';
import type { HandlerContext } from '../model/processor-definition.js';
import { Schema } from '../schema/schema.js';
import { appendNumbers, collector, rawUpcaster, rigRunner } from '../testing/runner-rig.test-support.js';

const nothing = { mode: 'each', handle: () => {} } as const;

describe.each(['each', 'transaction'] as const)('ProcessorRunner with delivery %s', (mode) => {
  it('handles what is there and what comes, and starts again behind its checkpoint', async () => {
    const backend = memory();
    await appendNumbers(backend, 's', [1, 2, 3]);
    const seen: number[] = [];
    const { runner } = rigRunner(backend, { delivery: collector(mode, seen) });
    await runner.start();
    await runner.waitFor(3n);
    await runner.waitFor(await appendNumbers(backend, 's', [4]));
    expect(await runner.lag()).toBe(0n);
    await runner.drain();
    expect(runner.status()).toMatchObject({
      state: 'stopped',
      position: 4n,
      checkpoint: 4n,
      handled: 4,
      pending: 0,
    });
    await appendNumbers(backend, 's', [5]);
    const { runner: second } = rigRunner(backend, { delivery: collector(mode, seen) });
    expect(await second.lag()).toBe(1n);
    await second.start();
    await second.waitFor(5n);
    await second.stop();
    expect(seen).toEqual([1, 2, 3, 4, 5]);
  });

  it('keeps its checkpoint under the name that the definition gives', async () => {
    const backend = memory();
    await appendNumbers(backend, 's', [1]);
    const { runner } = rigRunner(backend, { delivery: collector(mode, []), checkpoint: () => 'tested@2' });
    expect(await runner.lag()).toBe(1n);
    await runner.start();
    await runner.waitFor(1n);
    await runner.drain();
    expect(await backend.checkpoints.list()).toEqual([{ processor: 'tested@2', segment: 0, position: 1n }]);
  });

  it('starts at the end when told so, and stores that at once', async () => {
    const backend = memory();
    await appendNumbers(backend, 's', [1, 2]);
    const seen: number[] = [];
    const { runner } = rigRunner(backend, { delivery: collector(mode, seen), startFrom: 'end' });
    await runner.start();
    expect((await backend.checkpoints.load('tested'))?.position).toBe(2n);
    await runner.stop();
    await appendNumbers(backend, 's', [3]);
    await runner.start();
    await runner.waitFor(3n);
    expect(seen).toEqual([3]);
    await runner.stop();
  });

  it('pitfall 12: checkpoints its progress through a stretch that the filter leaves out', async () => {
    const backend = memory();
    for (let count = 0; count < 50; count += 1) await appendNumbers(backend, 's', [count]);
    const { runner } = rigRunner(backend, { delivery: collector(mode, []), types: ['never'] });
    await runner.start();
    await runner.waitFor(50n);
    await runner.drain();
    expect((await backend.checkpoints.load('tested'))?.position).toBe(50n);
  });

  it('asks for the types that become the wanted ones, and leaves out what they become beside', async () => {
    const backend = memory();
    await backend.events.append('s', [
      { type: 'old', data: 1 },
      { type: 'other', data: 2 },
    ]);
    const schema = new Schema();
    schema.register(
      rawUpcaster('old', ['wanted', 'beside'], (old) => [
        { type: 'wanted', version: 1, data: old.data },
        { type: 'beside', version: 1, data: 99 },
        { type: 'wanted', version: 1, data: 10 },
      ]),
    );
    const seen: number[] = [];
    const { runner } = rigRunner(backend, { delivery: collector(mode, seen), types: ['wanted'] }, { schema });
    await runner.start();
    await runner.waitFor(2n);
    await runner.stop();
    expect(seen).toEqual([1, 10]);
  });

  it('runs handlers in a context of their own, whoever started the runner', async () => {
    const backend = memory();
    await backend.events.append('s', [
      {
        id: '0190a000-0000-7000-8000-000000000001',
        type: 'x',
        data: 1,
        metadata: { correlationId: 'c', userId: 'u' },
      },
    ]);
    const seen: unknown[] = [];
    const handle = (context: { readonly processor: string; readonly attempt: number }): void => {
      seen.push(Object.is(currentContext(), context), context.processor, context.attempt, outgoingMetadata());
      expect(() => currentContext()?.services.get(MessageContext)).toThrow('nothing is bound');
    };
    const { runner } = rigRunner(backend, {
      delivery:
        mode === 'each'
          ? { mode, handle: (_, context: HandlerContext) => handle(context) }
          : { mode, handle: async (_, __, context) => handle(context) },
    });
    await withMetadata({ userId: 'starter', correlationId: 'start' }, () => runner.start());
    await runner.waitFor(1n);
    await runner.stop();
    const outgoing =
      mode === 'each'
        ? { correlationId: 'c', userId: 'u', causationId: '0190a000-0000-7000-8000-000000000001' }
        : { correlationId: expect.not.stringMatching(/^start$/) };
    expect(seen).toEqual([true, 'tested', 1, expect.objectContaining(outgoing)]);
  });
});

describe('ProcessorRunner', () => {
  it.each([
    { batchSize: 0 },
    { batchSize: 1.5 },
    { delivery: { ...nothing, concurrency: 0 } },
    { retry: { attempts: 0 } },
  ])('refuses %j', (definition) => {
    expect(() => rigRunner(memory(), { delivery: nothing, ...definition })).toThrow(ConfigurationError);
  });

  it('waits no longer than told, nor when the signal is aborted', async () => {
    const { runner } = rigRunner(memory(), { delivery: nothing });
    await expect(runner.waitFor(5n, { timeoutMs: 1 })).rejects.toMatchObject({
      code: 'wait-timeout',
      processor: 'tested',
      wanted: 5n,
      reached: undefined,
      timeoutMs: 1,
    });
    await expect(runner.waitFor(5n, { signal: AbortSignal.abort(new Error('enough')) })).rejects.toThrow(
      'enough',
    );
  });
});
