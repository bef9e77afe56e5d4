import { describe, expect, it } from '@jest/globals';
import { NotRunningError } from '../commands/errors.js';
import { Sequence, type Step } from './sequence.js';

/** Steps that note what is done to them. */
const noted = (names: readonly string[], failing: readonly string[] = []) => {
  const log: string[] = [];
  const act = async (what: string): Promise<void> => {
    log.push(what);
    await Promise.resolve();
    if (failing.includes(what)) throw new Error(`cannot ${what}`);
  };
  const steps = names.map(
    (name): Step => ({ start: () => act(`start ${name}`), stop: () => act(`stop ${name}`) }),
  );
  return { log, steps };
};

const gate = () => {
  let open = (): void => {};
  const opened = new Promise<void>((resolve) => (open = resolve));
  return { open, opened };
};

describe('a sequence', () => {
  it('starts in order and stops in the reverse order', async () => {
    const { log, steps } = noted(['a', 'b', 'c']);
    const sequence = new Sequence(() => steps);
    expect(sequence.state).toBe('stopped');
    await sequence.start();
    expect(sequence.state).toBe('running');
    await sequence.stop();
    expect(sequence.state).toBe('stopped');
    expect(log).toEqual(['start a', 'start b', 'start c', 'stop c', 'stop b', 'stop a']);
  });

  it('starts once and stops once, however often it is asked', async () => {
    const { log, steps } = noted(['a']);
    const sequence = new Sequence(() => steps);
    await sequence.stop();
    await Promise.all([sequence.start(), sequence.start()]);
    await sequence.start();
    await Promise.all([sequence.stop(), sequence.stop()]);
    await sequence.stop();
    expect(log).toEqual(['start a', 'stop a']);
  });

  it('starts again after a stop, also when asked while stopping', async () => {
    const { log, steps } = noted(['a']);
    const sequence = new Sequence(() => steps);
    await sequence.start();
    const stopping = sequence.stop();
    await sequence.start();
    await stopping;
    expect(sequence.state).toBe('running');
    expect(log).toEqual(['start a', 'stop a', 'start a']);
  });

  it('cleans up after a start that fails, the failed step included, and may be started again', async () => {
    const { log, steps } = noted(['a', 'b', 'c'], ['start b']);
    const sequence = new Sequence(() => steps);
    await expect(sequence.start()).rejects.toThrow('cannot start b');
    expect(log).toEqual(['start a', 'start b', 'stop b', 'stop a']);
    expect(sequence.state).toBe('stopped');
    await expect(sequence.start()).rejects.toThrow('cannot start b');
  });

  it('tells of a failed start and of what failed while cleaning up', async () => {
    const { log, steps } = noted(['a', 'b'], ['start b', 'stop b']);
    const failed = new Sequence(() => steps).start();
    await expect(failed).rejects.toThrow(AggregateError);
    await expect(failed).rejects.toThrow('cannot start b cannot stop b');
    expect(log.at(-1)).toBe('stop a');
  });

  it('stops every step even if some fail to, and then tells', async () => {
    const { log, steps } = noted(['a', 'b', 'c'], ['stop c']);
    const sequence = new Sequence(() => steps);
    await sequence.start();
    await expect(sequence.stop()).rejects.toThrow('cannot stop c');
    expect(log.slice(-3)).toEqual(['stop c', 'stop b', 'stop a']);
    expect(sequence.state).toBe('stopped');
  });

  it('tells of all that failed to stop, whatever was thrown', async () => {
    const sequence = new Sequence(() => [
      { start: async () => {}, stop: () => Promise.reject(new Error('first')) },
      { start: async () => {}, stop: () => Promise.reject('second') },
    ]);
    await sequence.start();
    await expect(sequence.stop()).rejects.toMatchObject({ errors: ['second', new Error('first')] });
  });

  it('calls off a start under way when stopped, and leaves nothing started', async () => {
    const { log, steps } = noted(['a', 'b']);
    const { open, opened } = gate();
    const entered = gate();
    const slow: Step = {
      start: () => {
        entered.open();
        return opened;
      },
      stop: async () => void log.push('stop slow'),
    };
    const [a, b] = steps;
    const sequence = new Sequence(() => [a as Step, slow, b as Step]);
    const starting = sequence.start();
    await entered.opened;
    const stopping = sequence.stop();
    expect(sequence.state).toBe('starting');
    open();
    await expect(starting).rejects.toThrow(NotRunningError);
    await stopping;
    expect(log).toEqual(['start a', 'stop slow', 'stop a']);
    expect(sequence.state).toBe('stopped');
  });
});
