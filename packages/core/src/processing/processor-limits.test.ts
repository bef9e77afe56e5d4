import { setImmediate } from 'node:timers/promises';
import { describe, expect, it } from '@jest/globals';
import { memory } from '../backend/memory/memory.js';
import { Schema } from '../schema/schema.js';
import { appendNumbers, rawUpcaster, rigRunner, signalled } from '../testing/runner-rig.test-support.js';

/** Waits until a number has left 0 and stands still for many turns of the event loop, however busy the machine. */
const settled = async (current: () => number): Promise<void> => {
  let last = 0;
  for (let still = 0; last === 0 || still < 50; still += 1) {
    await setImmediate();
    if (current() !== last) still = 0;
    last = current();
  }
};

describe('A processor under load', () => {
  it('passes a position that was split only when all of it is handled', async () => {
    const backend = memory();
    await backend.events.append('s', [{ type: 'old', data: 1 }]);
    const schema = new Schema();
    schema.register(
      rawUpcaster('old', ['first', 'second'], () => [
        { type: 'first', version: 1, data: 1 },
        { type: 'second', version: 1, data: 2 },
      ]),
    );
    const gate = signalled();
    const { runner } = rigRunner(
      backend,
      {
        delivery: {
          mode: 'each',
          key: ({ type }) => type,
          handle: ({ type }) => (type === 'first' ? undefined : gate.promise),
        },
      },
      { schema },
    );
    await runner.start();
    await settled(() => runner.status().handled);
    expect(runner.status()).toMatchObject({ handled: 1, position: undefined, caughtUp: false });
    gate.resolve();
    await runner.waitFor(1n);
    expect(runner.status()).toMatchObject({ handled: 2, caughtUp: true });
    await runner.stop();
  });

  it('holds up the subscription when a key does not move, so that memory stays bounded', async () => {
    const backend = memory();
    await appendNumbers(backend, 'slow', [0]);
    for (let count = 0; count < 50; count += 1) {
      await appendNumbers(
        backend,
        `s${count}`,
        Array.from({ length: 20 }, (_, index) => index),
      );
    }
    const gate = signalled();
    const { runner } = rigRunner(backend, {
      batchSize: 10,
      delivery: { mode: 'each', handle: ({ stream }) => (stream === 'slow' ? gate.promise : undefined) },
    });
    await runner.start();
    await settled(() => runner.status().handled);
    // The other keys went ahead, but only as far as would have to be delivered again after a crash.
    expect(runner.status().handled).toBeGreaterThanOrEqual(180);
    expect(runner.status().handled).toBeLessThanOrEqual(220);
    expect(runner.status().position).toBeUndefined();
    gate.resolve();
    await runner.waitFor(1_001n);
    await runner.stop();
    expect(runner.status()).toMatchObject({ handled: 1_001, checkpoint: 1_001n });
  });

  it('holds up an endless queue behind one key', async () => {
    const backend = memory();
    await appendNumbers(
      backend,
      's',
      Array.from({ length: 200 }, (_, index) => index),
    );
    const gate = signalled();
    const { runner } = rigRunner(backend, {
      batchSize: 10,
      delivery: { mode: 'each', handle: () => gate.promise },
    });
    await runner.start();
    await settled(() => runner.status().pending);
    expect(runner.status()).toMatchObject({ inFlight: 1, pending: 20 });
    gate.resolve();
    await runner.waitFor(200n);
    await runner.stop();
  });

  it('lets timers have their turn during a long catch-up', async () => {
    const backend = memory();
    const numbers = Array.from({ length: 1_000 }, (_, index) => index);
    for (let count = 0; count < 20; count += 1) await appendNumbers(backend, `s${count}`, numbers);
    const spin = (): void => {
      const end = performance.now() + 0.002;
      while (performance.now() < end);
    };
    const { runner } = rigRunner(backend, { delivery: { mode: 'each', handle: spin } });
    await runner.start();
    await setImmediate();
    expect(runner.status().handled).toBeLessThan(20_000);
    await runner.waitFor(20_000n);
    await runner.stop();
  });
});
