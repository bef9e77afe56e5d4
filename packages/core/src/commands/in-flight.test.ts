import { describe, expect, it } from '@jest/globals';
import { NotRunningError } from './errors.js';
import { InFlight } from './in-flight.js';

const pause = () => {
  let resume = (): void => {};
  const resumed = new Promise<void>((resolve) => (resume = resolve));
  return { resume, resumed };
};

describe('work in flight', () => {
  it('is let in only while the gate is open', async () => {
    const inFlight = new InFlight();
    await expect(inFlight.run(async () => 1)).rejects.toThrow(NotRunningError);
    inFlight.open();
    await expect(inFlight.run(async () => 1)).resolves.toBe(1);
    await inFlight.close();
    await expect(inFlight.run(async () => 1)).rejects.toThrow(NotRunningError);
  });

  it('is waited for by the close, with what it starts, and nobody else gets in', async () => {
    const inFlight = new InFlight();
    inFlight.open();
    const { resume, resumed } = pause();
    const outer = inFlight.run(async () => {
      await resumed;
      return inFlight.run(async () => 'inner');
    });
    let closed = false;
    const closing = inFlight.close().then(() => (closed = true));
    await expect(inFlight.run(async () => 1)).rejects.toThrow(NotRunningError);
    expect(closed).toBe(false);
    resume();
    await expect(outer).resolves.toBe('inner');
    await closing;
  });

  it('ends with an error too, and what it left running gets in no more', async () => {
    const inFlight = new InFlight();
    inFlight.open();
    const { resume, resumed } = pause();
    let stray: Promise<unknown> | undefined;
    const failing = inFlight.run(async () => {
      stray = resumed.then(() => inFlight.run(async () => 1));
      throw new Error('failed');
    });
    await expect(failing).rejects.toThrow('failed');
    await inFlight.close();
    resume();
    await expect(stray).rejects.toThrow(NotRunningError);
  });

  it('of one gate is no pass for another', async () => {
    const first = new InFlight();
    const second = new InFlight();
    first.open();
    await expect(first.run(() => second.run(async () => 1))).rejects.toThrow(NotRunningError);
  });
});
