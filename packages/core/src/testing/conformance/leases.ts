import { AsyncLocalStorage } from 'node:async_hooks';
import assert from 'node:assert/strict';
import { LeaseLostError, type Lease } from '../../backend/leases.js';
import { InvalidArgumentError } from '../../log/errors.js';
import { refused } from './assertions.js';
import type { BackendTrial } from './backend-trial.js';
import { rule, type Chapter } from './conformance.js';

const acquired = async (trial: BackendTrial, owner: string, ttlMs = 60_000): Promise<Lease> => {
  const [lease] = await trial.backend.leases.acquire({ names: [trial.name()], owner, ttlMs });
  assert.ok(lease, `${owner} should have got the lease`);
  return lease;
};

const status = async (trial: BackendTrial) => {
  const [only, ...others] = await trial.backend.leases.list(trial.name());
  assert.ok(only);
  assert.deepEqual(others, []);
  return only;
};

/** Leases: one owner at a time, fenced by epochs. */
export const leases: Chapter<BackendTrial> = {
  name: 'leases',
  rules: [
    rule('a free name is had by whoever asks first, and by nobody else', async (trial) => {
      const { leases: store } = trial.backend;
      const names = [trial.name()];
      assert.deepEqual(await store.list(trial.name()), []);
      assert.deepEqual(await store.acquire({ names, owner: 'a', ttlMs: 60_000 }), [
        { name: trial.name(), owner: 'a', epoch: 1 },
      ]);
      assert.deepEqual(await store.acquire({ names, owner: 'b', ttlMs: 60_000 }), []);
      assert.equal((await status(trial)).owner, 'a');
    }),
    rule('of several names those that can be had are, each once, by name', async (trial) => {
      const { leases: store } = trial.backend;
      await store.acquire({ names: [trial.name('2')], owner: 'a', ttlMs: 60_000 });
      const names = ['3', '1', '2', '3'].map((label) => trial.name(label));
      const had = await store.acquire({ names, owner: 'b', ttlMs: 60_000 });
      assert.deepEqual(
        had.map(({ name, epoch }) => [name, epoch]),
        [
          [trial.name('1'), 1],
          [trial.name('3'), 1],
        ],
      );
      assert.deepEqual(await store.acquire({ names: [], owner: 'b', ttlMs: 60_000 }), []);
    }),
    rule('the owner’s own are had again in the same epoch, and last from then on', async (trial) => {
      const first = await acquired(trial, 'a', 1_000);
      const again = await acquired(trial, 'a', 60_000);
      assert.deepEqual(again, first);
      assert.ok((await status(trial)).remainingMs > 1_000);
    }),
    rule('an expired lease is had by another, in the next epoch', async (trial) => {
      await acquired(trial, 'a', 300);
      await trial.elapse(400);
      assert.equal((await status(trial)).remainingMs, 0);
      assert.equal((await acquired(trial, 'b')).epoch, 2);
    }),
    rule('pitfall 2: an owner that renews keeps it for as long as it likes', async (trial) => {
      const { leases: store } = trial.backend;
      const lease = await acquired(trial, 'a', 600);
      for (let round = 0; round < 3; round++) {
        await trial.elapse(300);
        assert.deepEqual(await store.renew([lease], 600), [lease]);
        assert.deepEqual(await store.acquire({ names: [trial.name()], owner: 'b', ttlMs: 1 }), []);
      }
    }),
    rule('one that expired and that nobody took is renewed by its owner', async (trial) => {
      const { leases: store } = trial.backend;
      const lease = await acquired(trial, 'a', 100);
      await trial.elapse(200);
      assert.deepEqual(await store.renew([lease], 60_000), [lease]);
      assert.deepEqual(await store.acquire({ names: [trial.name()], owner: 'b', ttlMs: 1 }), []);
    }),
    rule('what was taken is not renewed, and what was kept is', async (trial) => {
      const { leases: store } = trial.backend;
      const lost = await acquired(trial, 'a', 100);
      await trial.elapse(200);
      await acquired(trial, 'b');
      const [kept] = await store.acquire({ names: [trial.name('kept')], owner: 'a', ttlMs: 60_000 });
      assert.ok(kept);
      assert.deepEqual(await store.renew([lost, kept], 60_000), [kept]);
      assert.deepEqual(await store.renew([], 60_000), []);
      assert.equal(
        (await trial.backend.leases.acquire({ names: [lost.name], owner: 'b', ttlMs: 1 })).length,
        1,
      );
    }),
    rule('a released lease is free at once, and its epoch is not forgotten', async (trial) => {
      const { leases: store } = trial.backend;
      const lease = await acquired(trial, 'a');
      await store.release([lease]);
      assert.deepEqual(await status(trial), {
        name: trial.name(),
        owner: undefined,
        epoch: 1,
        remainingMs: 0,
      });
      assert.deepEqual(await store.renew([lease], 60_000), []);
      assert.equal((await acquired(trial, 'b')).epoch, 2);
      await store.release([lease]);
      await store.release([]);
      assert.equal((await status(trial)).owner, 'b', 'an old owner releases nothing');
    }),
    rule('an owner that released it and has it again is in a new epoch', async (trial) => {
      const { leases: store } = trial.backend;
      const lease = await acquired(trial, 'a');
      await store.release([lease]);
      assert.equal((await acquired(trial, 'a')).epoch, 2);
      assert.deepEqual(await store.renew([lease], 60_000), []);
    }),
    rule('the list has those of a prefix, by name', async (trial) => {
      const { leases: store } = trial.backend;
      const names = ['b_1', 'a%2', 'a%1', 'a-1'].map((label) => trial.name(label));
      await store.acquire({ names, owner: 'a', ttlMs: 60_000 });
      const listed = await store.list(trial.name('a%'));
      assert.deepEqual(
        listed.map(({ name }) => name),
        [trial.name('a%1'), trial.name('a%2')],
      );
      assert.equal((await store.list(trial.name('b_'))).length, 1);
      const all = (await store.list()).filter(({ name }) => name.startsWith(trial.name('')));
      assert.equal(all.length, 4);
    }),
    rule('pitfall 2: of 20 owners on two connections that ask at once, one has it', async (trial) => {
      const second = await trial.second();
      const names = [trial.name()];
      for (let epoch = 1; epoch <= 2; epoch++) {
        const outcomes = await Promise.all(
          Array.from({ length: 20 }, (_, n) =>
            (n % 2 === 0 ? trial.backend : second).leases.acquire({ names, owner: `o${n}`, ttlMs: 60_000 }),
          ),
        );
        const had = outcomes.flat();
        assert.deepEqual(
          had.map((lease) => lease.epoch),
          [epoch],
        );
        await trial.backend.leases.release(had);
      }
    }),
    rule('who asks for many names at once from two connections waits for nobody for ever', async (trial) => {
      const second = await trial.second();
      for (let round = 0; round < 20; round++) {
        const names = Array.from({ length: 20 }, (_, n) => trial.name(`${round}.${n}`));
        const outcomes = await trial.soon(
          Promise.all(
            Array.from({ length: 10 }, async (_, n) => {
              const { leases: store } = n % 2 === 0 ? trial.backend : second;
              const ordered = n % 3 === 0 ? names : names.toReversed();
              const had = await store.acquire({ names: ordered, owner: `o${n}`, ttlMs: 60_000 });
              return store.renew(had.toReversed(), 60_000);
            }),
          ),
          'everybody’s leases',
        );
        assert.equal(outcomes.flat().length, 20);
        assert.equal(new Set(outcomes.flat().map(({ name }) => name)).size, 20);
      }
    }),
    rule('what makes no sense is refused', async (trial) => {
      const { leases: store } = trial.backend;
      const good = { names: [trial.name()], owner: 'a', ttlMs: 1_000 };
      for (const wrong of [
        { names: [''] },
        { names: ['a\0b'] },
        { names: ['a'.repeat(501)] },
        { owner: '' },
        { owner: 'a'.repeat(201) },
        { ttlMs: 0 },
        { ttlMs: Number.NaN },
        { ttlMs: Number.POSITIVE_INFINITY },
      ]) {
        await refused(InvalidArgumentError, () => store.acquire({ ...good, ...wrong }));
      }
      await refused(InvalidArgumentError, () => store.renew([], -1));
      assert.deepEqual(await store.list(trial.name()), []);
    }),
  ],
};

/**
 * Runs as if the transaction had not asked for it: `AsyncLocalStorage` tells a backend who is inside of one, and what another
 * process does is not.
 */
const outside = AsyncLocalStorage.snapshot();

const failure = new Error('the work failed');

/** Transactions and checkpoint moves that leases fence. */
export const fencing: Chapter<BackendTrial> = {
  name: 'fencing by leases',
  rules: [
    rule('who has the lease holds it, moves its checkpoint and commits', async (trial) => {
      const lease = await acquired(trial, 'a');
      const move = { processor: trial.name(), segment: 0, lease };
      await trial.backend.transaction(async (tx) => {
        await tx.leases.hold(lease);
        await tx.leases.hold();
        await tx.checkpoints.move({ ...move, previous: undefined, position: 1n });
      });
      await trial.backend.checkpoints.move({ ...move, previous: 1n, position: 2n });
      assert.equal((await trial.backend.checkpoints.load(trial.name()))?.position, 2n);
    }),
    rule(
      'pitfall 2: a stolen lease makes the old owner’s transaction roll back, with what it wrote',
      async (trial) => {
        const second = await trial.second();
        const collection = await trial.collection();
        const lease = await acquired(trial, 'a', 100);
        await trial.elapse(200);
        const [stolen] = await second.leases.acquire({ names: [trial.name()], owner: 'b', ttlMs: 60_000 });
        assert.equal(stolen?.epoch, 2);
        const move = { processor: trial.name(), segment: 0, previous: undefined, position: 1n };
        for (const fence of ['hold', 'move']) {
          const attempt = (): Promise<void> =>
            trial.backend.transaction(async (tx) => {
              await tx.documents.write(collection, [{ key: fence, document: 1 }]);
              if (fence === 'hold') await tx.leases.hold(lease);
              else await tx.checkpoints.move({ ...move, lease });
            });
          const error = await refused(LeaseLostError, attempt);
          assert.deepEqual(error.lease, lease);
        }
        assert.equal(await trial.backend.documents.count(collection), 0);
        await refused(LeaseLostError, () => trial.backend.checkpoints.move({ ...move, lease }));
        assert.equal(await trial.backend.checkpoints.load(trial.name()), undefined);
        await second.checkpoints.move({ ...move, lease: stolen });
      },
    ),
    rule('one that expired and that nobody took still fences', async (trial) => {
      const lease = await acquired(trial, 'a', 100);
      await trial.elapse(200);
      await trial.backend.transaction((tx) => tx.leases.hold(lease));
      const move = { processor: trial.name(), segment: 0, previous: undefined, position: 1n, lease };
      await trial.backend.checkpoints.move(move);
    }),
    rule(
      'a released lease, one of another epoch or owner, and one that never was are lost',
      async (trial) => {
        const lease = await acquired(trial, 'a');
        for (const wrong of [
          { ...lease, epoch: 2 },
          { ...lease, owner: 'b' },
          { ...lease, name: trial.name('b') },
        ]) {
          const error = await refused(LeaseLostError, () =>
            trial.backend.transaction((tx) => tx.leases.hold(lease, wrong)),
          );
          assert.deepEqual(error.lease, wrong);
        }
        await trial.backend.leases.release([lease]);
        await refused(LeaseLostError, () => trial.backend.transaction((tx) => tx.leases.hold(lease)));
      },
    ),
    rule(
      'a lease that is held is not taken, and is renewed, before the transaction has ended',
      async (trial) => {
        const second = await trial.second();
        const lease = await acquired(trial, 'a', 100);
        await trial.elapse(200);
        let taken: Promise<readonly Lease[]> | undefined;
        let renewed: Promise<readonly Lease[]> | undefined;
        const order: string[] = [];
        const attempt = trial.backend.transaction(async (tx) => {
          await tx.leases.hold(lease);
          // From outside of the transaction; a backend of one writer at a time lets them wait.
          taken = outside(() => second.leases.acquire({ names: [lease.name], owner: 'b', ttlMs: 60_000 }));
          renewed = outside(() => second.leases.renew([lease], 60_000));
          void taken.then(() => order.push('taken'));
          if (!trial.oneWriter) await trial.soon(renewed, 'the renewal of a held lease');
          order.push('committed');
          throw failure;
        });
        await assert.rejects(attempt, (error) => error === failure);
        assert.ok(taken !== undefined && renewed !== undefined);
        const had = await trial.soon(taken, 'the end of the wait for the lease');
        await renewed;
        if (had.length > 0) assert.deepEqual(order, ['committed', 'taken']);
      },
    ),
    rule('a lost lease is told before a checkpoint that stands elsewhere', async (trial) => {
      const lease = await acquired(trial, 'a');
      const move = { processor: trial.name(), segment: 0, previous: 7n, position: 8n };
      await refused(LeaseLostError, () =>
        trial.backend.checkpoints.move({ ...move, lease: { ...lease, epoch: 9 } }),
      );
      await assert.rejects(trial.backend.checkpoints.move({ ...move, lease }), {
        code: 'checkpoint-conflict',
      });
    }),
    rule('rolled back, nothing was acquired, renewed or released', async (trial) => {
      const lease = await acquired(trial, 'a', 60_000);
      const attempt = trial.backend.transaction(async (tx) => {
        await tx.leases.acquire({ names: [trial.name('b')], owner: 'a', ttlMs: 1_000 });
        await tx.leases.release([lease]);
        assert.equal((await tx.leases.list(trial.name(''))).length, 2);
        throw failure;
      });
      await assert.rejects(attempt, (error) => error === failure);
      assert.equal((await status(trial)).owner, 'a');
      assert.deepEqual(await trial.backend.leases.list(trial.name('b')), []);
    }),
  ],
};
