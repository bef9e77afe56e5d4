import assert from 'node:assert/strict';
import { CheckpointConflictError, type CheckpointMove } from '../../backend/checkpoints.js';
import { refused } from './assertions.js';
import type { BackendTrial } from './backend-trial.js';
import { rule, type Chapter } from './conformance.js';

const move = (
  trial: BackendTrial,
  previous: bigint | undefined,
  position: bigint,
  { label = 'a', segment = 0 } = {},
): CheckpointMove => ({ processor: trial.name(label), segment, previous, position });

/** Checkpoints move by compare-and-set. */
export const checkpoints: Chapter<BackendTrial> = {
  name: 'checkpoints',
  rules: [
    rule('a processor has none at first', async (trial) => {
      assert.equal(await trial.backend.checkpoints.load(trial.name()), undefined);
      assert.deepEqual(await trial.backend.checkpoints.list(trial.name()), []);
    }),
    rule('a checkpoint is made from nothing, and moves from where it stands', async (trial) => {
      const { checkpoints: store } = trial.backend;
      await store.move(move(trial, undefined, 5n));
      assert.deepEqual(await store.load(trial.name()), { processor: trial.name(), segment: 0, position: 5n });
      await store.move(move(trial, 5n, 9n));
      assert.equal((await store.load(trial.name()))?.position, 9n);
    }),
    rule('position 0 is a place, and not the same as no checkpoint', async (trial) => {
      const { checkpoints: store } = trial.backend;
      await refused(CheckpointConflictError, () => store.move(move(trial, 0n, 1n)));
      await store.move(move(trial, undefined, 0n));
      await refused(CheckpointConflictError, () => store.move(move(trial, undefined, 1n)));
      await store.move(move(trial, 0n, 1n));
      assert.equal((await store.load(trial.name()))?.position, 1n);
    }),
    rule('positions beyond 2^53 are exact', async (trial) => {
      const { checkpoints: store } = trial.backend;
      const position = 2n ** 62n + 1n;
      await store.move(move(trial, undefined, position));
      assert.equal((await store.load(trial.name()))?.position, position);
      await refused(CheckpointConflictError, () => store.move(move(trial, position - 1n, 1n)));
      await store.move(move(trial, position, position + 1n));
    }),
    rule('pitfall 3: a move from elsewhere is refused, says which, and changes nothing', async (trial) => {
      const { checkpoints: store } = trial.backend;
      await store.move(move(trial, undefined, 5n));
      for (const previous of [undefined, 0n, 4n, 6n]) {
        const wrong = move(trial, previous, 7n);
        const error = await refused(CheckpointConflictError, () => store.move(wrong));
        assert.deepEqual(error.move, wrong);
      }
      assert.equal((await store.load(trial.name()))?.position, 5n);
    }),
    rule('a move to where it stands is a move', async (trial) => {
      const { checkpoints: store } = trial.backend;
      await store.move(move(trial, undefined, 5n));
      await store.move(move(trial, 5n, 5n));
      assert.equal((await store.load(trial.name()))?.position, 5n);
    }),
    rule(
      'pitfall 2: of 20 owners on two connections that move from one place, exactly one succeeds',
      async (trial) => {
        const second = await trial.second();
        for (const previous of [undefined, 100n]) {
          const outcomes = await Promise.allSettled(
            Array.from({ length: 20 }, (_, owner) =>
              (owner % 2 === 0 ? trial.backend : second).checkpoints.move(
                move(trial, previous, previous === undefined ? 100n : 200n + BigInt(owner)),
              ),
            ),
          );
          const lost = outcomes.filter((outcome) => outcome.status === 'rejected');
          assert.equal(lost.length, 19);
          for (const { reason } of lost) assert.ok(reason instanceof CheckpointConflictError, String(reason));
        }
      },
    ),
    rule('segments have checkpoints of their own', async (trial) => {
      const { checkpoints: store } = trial.backend;
      await store.move(move(trial, undefined, 1n));
      await store.move(move(trial, undefined, 2n, { segment: 1 }));
      assert.equal((await store.load(trial.name()))?.position, 1n);
      assert.equal((await store.load(trial.name(), 1))?.position, 2n);
      assert.equal(await store.load(trial.name(), 2), undefined);
    }),
    rule('the list has all segments of one processor in order, or all processors', async (trial) => {
      const { checkpoints: store } = trial.backend;
      for (const segment of [10, 2, 0]) {
        await store.move(move(trial, undefined, BigInt(segment) + 1n, { segment }));
      }
      await store.move(move(trial, undefined, 9n, { label: 'b' }));
      assert.deepEqual(
        (await store.list(trial.name())).map(({ segment, position }) => [segment, position]),
        [
          [0, 1n],
          [2, 3n],
          [10, 11n],
        ],
      );
      const own = (await store.list()).filter((each) => each.processor.startsWith(trial.name('')));
      assert.equal(own.length, 4);
    }),
    rule('a reset forgets all segments of one processor, and no other’s', async (trial) => {
      const { checkpoints: store } = trial.backend;
      await store.move(move(trial, undefined, 1n));
      await store.move(move(trial, undefined, 1n, { segment: 1 }));
      await store.move(move(trial, undefined, 1n, { label: 'ab' }));
      await store.reset(trial.name());
      assert.deepEqual(await store.list(trial.name()), []);
      assert.equal((await store.load(trial.name('ab')))?.position, 1n);
      await store.move(move(trial, undefined, 1n));
      await store.reset(trial.name('unknown'));
    }),
  ],
};
