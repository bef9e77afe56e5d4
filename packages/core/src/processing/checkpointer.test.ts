import { describe, expect, it } from '@jest/globals';
import {
  CheckpointConflictError,
  type CheckpointMove,
  type CheckpointStore,
} from '../backend/checkpoints.js';
import { memory } from '../backend/memory/memory.js';
import { manualClock } from '../testing/manual-clock.js';
import { checkpointsWith } from '../testing/runner-rig.test-support.js';
import { Checkpointer } from './checkpointer.js';

/** A checkpointer on a store whose moves can be made to fail. */
const setUp = (
  fault: (move: CheckpointMove, real: CheckpointStore) => Promise<void> = (move, real) => real.move(move),
) => {
  const real = memory().checkpoints;
  const clock = manualClock();
  const moves: bigint[] = [];
  const conflicts: Error[] = [];
  const troubles: (string | undefined)[] = [];
  const checkpointer = new Checkpointer({
    store: checkpointsWith(real, {
      move: async (move) => {
        moves.push(move.position);
        await fault(move, real);
      },
    }),
    name: 'p',
    clock,
    intervalMs: 100,
    conflict: (error) => void conflicts.push(error),
    trouble: (error) => void troubles.push(error?.message),
  });
  return { real, clock, moves, conflicts, troubles, checkpointer };
};

describe('Checkpointer', () => {
  it('writes the first position at once, then the newest once an interval', async () => {
    const { checkpointer, clock, moves, real } = setUp();
    expect(await checkpointer.load()).toBeUndefined();
    for (const position of [1n, 2n, 3n]) checkpointer.note(position);
    await clock.advance(0);
    expect(moves).toEqual([1n]);
    checkpointer.note(4n);
    await clock.advance(100);
    expect(moves).toEqual([1n, 4n]);
    await clock.advance(500);
    expect(moves).toEqual([1n, 4n]);
    expect((await real.load('p'))?.position).toBe(4n);
    expect(clock.pending).toBe(0);
  });

  it('writes what is left when it is flushed or closed', async () => {
    const { checkpointer, moves } = setUp();
    checkpointer.note(1n);
    checkpointer.note(2n);
    await checkpointer.flush();
    expect(moves).toEqual([1n, 2n]);
    await checkpointer.close();
    expect(moves).toEqual([1n, 2n]);
    expect(checkpointer.stored).toBe(2n);
  });

  it('tries again while it cannot write, says so, and holds up whoever asks', async () => {
    let away = true;
    const { checkpointer, clock, troubles } = setUp(async (move, real) => {
      if (away) throw new Error('away');
      await real.move(move);
    });
    checkpointer.note(1n);
    await clock.advance(1_000);
    expect(troubles.length).toBeGreaterThan(1);
    let isHealthy = false;
    const healthy = checkpointer.healthy().then(() => (isHealthy = true));
    await clock.advance(0);
    expect(isHealthy).toBe(false);
    away = false;
    await clock.advance(60_000);
    await healthy;
    expect(troubles.at(-1)).toBeUndefined();
    expect(checkpointer.stored).toBe(1n);
  });

  it('gives up at once when it is closed while it cannot write', async () => {
    const { checkpointer, troubles } = setUp(() => Promise.reject(new Error('away')));
    checkpointer.note(1n);
    await checkpointer.close();
    expect(troubles).toContain('away');
    expect(checkpointer.stored).toBeUndefined();
  });

  it('reports a conflict once and writes no more', async () => {
    const { checkpointer, real, conflicts, moves, clock } = setUp();
    await checkpointer.load();
    await real.move({ processor: 'p', segment: 0, position: 9n, previous: undefined });
    checkpointer.note(1n);
    await clock.advance(100);
    checkpointer.note(2n);
    await checkpointer.close();
    expect(conflicts).toHaveLength(1);
    expect(conflicts[0]).toBeInstanceOf(CheckpointConflictError);
    expect(moves).toEqual([1n]);
  });

  it('recognises its own write whose answer was lost, and goes on from there', async () => {
    let lost = 0;
    const { checkpointer, conflicts, clock, real } = setUp(async (move, store) => {
      await store.move(move);
      lost += 1;
      if (lost === 1) throw new Error('connection lost');
    });
    checkpointer.note(1n);
    await Promise.resolve();
    checkpointer.note(2n);
    await clock.advance(10_000);
    expect(conflicts).toEqual([]);
    expect(checkpointer.stored).toBe(2n);
    expect((await real.load('p'))?.position).toBe(2n);
  });

  it('takes a lost answer for no excuse when another owner has written', async () => {
    let first = true;
    const { checkpointer, conflicts, clock } = setUp(async (move, real) => {
      if (first) {
        first = false;
        await real.move({ ...move, position: 77n });
        throw new Error('connection lost');
      }
      await real.move(move);
    });
    checkpointer.note(1n);
    await clock.advance(10_000);
    expect(conflicts).toHaveLength(1);
  });

  it('counts a position that a transaction stored as written', async () => {
    const { checkpointer, moves, real } = setUp();
    await real.move({ processor: 'p', segment: 0, position: 5n, previous: undefined });
    checkpointer.committed(5n);
    checkpointer.note(5n);
    checkpointer.note(6n);
    await checkpointer.flush();
    expect(moves).toEqual([6n]);
  });

  it('writes nothing while a transaction may store a position itself, and what is left afterwards', async () => {
    const { checkpointer, moves, real, conflicts, clock } = setUp();
    checkpointer.note(1n);
    checkpointer.note(2n);
    await checkpointer.exclusively(async () => {
      checkpointer.note(3n);
      await clock.advance(1_000);
      expect(moves).toEqual([1n]);
      await real.move({ processor: 'p', segment: 0, position: 5n, previous: checkpointer.stored });
      checkpointer.committed(5n);
    });
    await checkpointer.exclusively(async () => checkpointer.note(6n));
    await checkpointer.close();
    expect(moves).toEqual([1n, 6n]);
    expect(conflicts).toEqual([]);
    expect(clock.pending).toBe(0);
  });

  it('flushes as one when asked twice at once', async () => {
    const { checkpointer, moves, conflicts } = setUp();
    checkpointer.note(1n);
    checkpointer.note(2n);
    await Promise.all([checkpointer.flush(), checkpointer.flush()]);
    expect(moves).toEqual([1n, 2n]);
    expect(conflicts).toEqual([]);
  });
});
