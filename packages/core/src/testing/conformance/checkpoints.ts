import assert from 'node:assert/strict';
import { CheckpointConflictError, type CheckpointMove } from '../../backend/checkpoints.js';
import { LeaseLostError } from '../../backend/leases.js';
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
    rule('several are moved at once, each for itself, and each that is not says why', async (trial) => {
      const { checkpoints: store, leases } = trial.backend;
      const ttlMs = 60_000;
      const [held, lost] = await leases.acquire({
        names: [trial.name('held'), trial.name('lost')],
        owner: 'a',
        ttlMs,
      });
      assert.ok(held !== undefined && lost !== undefined);
      await leases.release([lost]);
      await store.move(move(trial, undefined, 5n, { segment: 1 }));
      await store.move(move(trial, undefined, 5n, { segment: 2 }));
      const moves = [
        move(trial, undefined, 1n),
        move(trial, 5n, 6n, { segment: 1 }),
        move(trial, 4n, 6n, { segment: 2 }),
        move(trial, undefined, 6n, { label: 'b' }),
        { ...move(trial, undefined, 7n, { segment: 3 }), lease: held },
        { ...move(trial, undefined, 7n, { segment: 4 }), lease: lost },
        { ...move(trial, 5n, 7n, { segment: 5 }), lease: held },
        { ...move(trial, 5n, 7n, { segment: 6 }), lease: { ...held, epoch: held.epoch + 1 } },
      ];
      const refusals = await store.moveAll(moves);
      assert.deepEqual(
        refusals.map((refusal) => refusal?.code),
        [
          undefined,
          undefined,
          'checkpoint-conflict',
          undefined,
          undefined,
          'lease-lost',
          'checkpoint-conflict',
          'lease-lost',
        ],
      );
      const conflict = refusals[2];
      assert.ok(conflict instanceof CheckpointConflictError);
      assert.deepEqual(conflict.move, moves[2]);
      assert.deepEqual(
        (await store.list(trial.name())).map(({ segment, position }) => [segment, position]),
        [
          [0, 1n],
          [1, 6n],
          [2, 5n],
          [3, 7n],
        ],
      );
      assert.equal((await store.load(trial.name('b')))?.position, 6n);
      assert.deepEqual(await store.moveAll([]), []);
    }),
    rule('one is removed from where it stands, and not from elsewhere', async (trial) => {
      const { checkpoints: store, leases } = trial.backend;
      const checkpoint = { processor: trial.name(), segment: 1, position: 5n };
      await store.move({ ...checkpoint, previous: undefined });
      await store.move(move(trial, undefined, 5n));
      await refused(CheckpointConflictError, () => store.remove({ ...checkpoint, position: 4n }));
      await refused(CheckpointConflictError, () => store.remove({ ...checkpoint, segment: 2 }));
      const [lease] = await leases.acquire({ names: [trial.name('lease')], owner: 'a', ttlMs: 60_000 });
      assert.ok(lease !== undefined);
      await refused(LeaseLostError, () => store.remove(checkpoint, { ...lease, epoch: 9 }));
      assert.equal((await store.list(trial.name())).length, 2);
      await store.remove(checkpoint, lease);
      assert.deepEqual(
        (await store.list(trial.name())).map(({ segment }) => segment),
        [0],
      );
      await store.move({ ...checkpoint, previous: undefined });
    }),
    rule('a segment is split and merged in a transaction, or not at all', async (trial) => {
      const { checkpoints: store } = trial.backend;
      const whole = { processor: trial.name(), segment: 0, position: 5n };
      await store.move({ ...whole, previous: undefined });
      const split = (isToFail: boolean) =>
        trial.backend.transaction(async (tx) => {
          await tx.checkpoints.remove(whole);
          const refusals = await tx.checkpoints.moveAll([
            { ...whole, segment: 1, previous: undefined },
            { ...whole, segment: 2, previous: undefined },
          ]);
          assert.deepEqual(refusals, [undefined, undefined]);
          if (isToFail) throw new Error('not now');
        });
      await assert.rejects(split(true), { message: 'not now' });
      assert.deepEqual(await store.list(trial.name()), [whole]);
      await split(false);
      assert.deepEqual(await store.list(trial.name()), [
        { ...whole, segment: 1 },
        { ...whole, segment: 2 },
      ]);
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
