import assert from 'node:assert/strict';
import { CheckpointConflictError } from '../../backend/checkpoints.js';
import { TransactionError, type Transaction } from '../../backend/transaction.js';
import { UnsupportedError } from '../../log/errors.js';
import { refused } from './assertions.js';
import type { BackendTrial } from './backend-trial.js';
import { rule, type Chapter } from './conformance.js';

const failure = new Error('the work failed');
const due = new Date('2001-01-01T00:00:00Z');

/** Changes something through each port of the transaction. */
const changeAll = async (trial: BackendTrial, tx: Transaction, collection: string): Promise<void> => {
  await tx.documents.write(collection, [
    { key: 'new', document: 'new' },
    { key: 'old', document: null },
  ]);
  await tx.documents.ensure({ name: trial.name('made'), indexes: [] });
  await tx.documents.write(trial.name('made'), [{ key: 'a', document: 1 }]);
  await tx.checkpoints.move({ processor: trial.name(), segment: 0, previous: 1n, position: 2n });
  await tx.timers.schedule([{ id: trial.name('new'), target: trial.name('t'), dueAt: due, payload: 1 }]);
  await tx.timers.remove([trial.name('old')]);
};

/** What {@link changeAll} finds. */
const prepared = async (trial: BackendTrial): Promise<string> => {
  const collection = await trial.collection();
  await trial.backend.documents.write(collection, [{ key: 'old', document: 'old' }]);
  await trial.backend.checkpoints.move({
    processor: trial.name(),
    segment: 0,
    previous: undefined,
    position: 1n,
  });
  const timer = { id: trial.name('old'), target: trial.name('t'), dueAt: due, payload: 1 };
  await trial.backend.timers.schedule([timer]);
  return collection;
};

const stateOf = async (
  trial: BackendTrial,
  collection: string,
  { documents, checkpoints, timers }: Pick<Transaction, 'documents' | 'checkpoints' | 'timers'>,
): Promise<unknown> => ({
  documents: [...(await documents.load(collection, ['old', 'new'])).keys()],
  position: (await checkpoints.load(trial.name()))?.position,
  timers: (await timers.list(trial.name('t'))).map(({ id }) => id),
});

const before = (trial: BackendTrial) => ({ documents: ['old'], position: 1n, timers: [trial.name('old')] });
const after = (trial: BackendTrial) => ({ documents: ['new'], position: 2n, timers: [trial.name('new')] });

/** All or nothing. */
export const transactions: Chapter<BackendTrial> = {
  name: 'transactions',
  rules: [
    rule('what work resolves with is the result, and all that it changed is there', async (trial) => {
      const collection = await prepared(trial);
      const result = await trial.backend.transaction(async (tx) => {
        await changeAll(trial, tx, collection);
        return 'done';
      });
      assert.equal(result, 'done');
      assert.deepEqual(await stateOf(trial, collection, trial.backend), after(trial));
      assert.equal(await trial.backend.documents.count(trial.name('made')), 1);
    }),
    rule('what work rejects with is thrown, and nothing that it changed is there', async (trial) => {
      const collection = await prepared(trial);
      const attempt = trial.backend.transaction(async (tx) => {
        await changeAll(trial, tx, collection);
        throw failure;
      });
      await assert.rejects(attempt, (error) => error === failure);
      assert.deepEqual(await stateOf(trial, collection, trial.backend), before(trial));
      await assert.rejects(trial.backend.documents.count(trial.name('made')));
    }),
    rule(
      'work that throws before its first await is rolled back too, and the backend goes on',
      async (trial) => {
        const collection = await prepared(trial);
        const attempt = trial.backend.transaction(() => {
          throw failure;
        });
        await assert.rejects(attempt, (error) => error === failure);
        await trial.soon(
          trial.backend.transaction((tx) => changeAll(trial, tx, collection)),
          'the next transaction',
        );
        assert.deepEqual(await stateOf(trial, collection, trial.backend), after(trial));
      },
    ),
    rule('inside, a transaction sees its own changes', async (trial) => {
      const collection = await trial.collection('n');
      await trial.backend.documents.write(collection, [{ key: 'a', document: { n: 1 } }]);
      await trial.backend.transaction(async (tx) => {
        await tx.documents.write(collection, [
          { key: 'a', document: { n: 5 } },
          { key: 'b', document: { n: 6 } },
        ]);
        assert.equal(await tx.documents.count(collection, { n: { gte: 5 } }), 2);
        assert.equal((await tx.documents.query(collection, { orderBy: 'n' })).documents.length, 2);
        const move = { processor: trial.name(), segment: 0 };
        await tx.checkpoints.move({ ...move, previous: undefined, position: 1n });
        await tx.checkpoints.move({ ...move, previous: 1n, position: 2n });
        assert.equal((await tx.checkpoints.list(trial.name())).length, 1);
        await tx.checkpoints.reset(trial.name());
        assert.equal(await tx.checkpoints.load(trial.name()), undefined);
        const target = trial.name('t');
        await tx.timers.schedule([{ id: trial.name('x'), target, dueAt: due, payload: 1 }]);
        assert.equal(await tx.timers.untilNextDue(target), 0);
        assert.equal((await tx.timers.claimDue({ target, limit: 5, claimMs: 1000 })).length, 1);
        assert.deepEqual(await tx.timers.claimDue({ target, limit: 5, claimMs: 1000 }), []);
        await tx.documents.drop(collection);
        await assert.rejects(tx.documents.count(collection));
      });
      await assert.rejects(trial.backend.documents.count(collection));
    }),
    rule(
      'dropped and made again inside, a collection is empty; rolled back, it is as it was',
      async (trial) => {
        const collection = await prepared(trial);
        const attempt = trial.backend.transaction(async (tx) => {
          await tx.documents.drop(collection);
          await tx.documents.ensure({ name: collection, indexes: [] });
          assert.equal(await tx.documents.count(collection), 0);
          await tx.documents.write(collection, [{ key: 'other', document: 1 }]);
          throw failure;
        });
        await assert.rejects(attempt, (error) => error === failure);
        assert.deepEqual(await stateOf(trial, collection, trial.backend), before(trial));
      },
    ),
    rule('a reader outside never sees what was rolled back', async (trial) => {
      const collection = await prepared(trial);
      // Begun from outside when the transaction is under way: inside of it a backend may refuse what would wait for its end.
      let isUnderWay: (() => void) | undefined;
      const underWay = new Promise<void>((resolve) => {
        isUnderWay = resolve;
      });
      const outside = underWay.then(() => trial.backend.documents.load(collection, ['old', 'new']));
      const attempt = trial.backend.transaction(async (tx) => {
        await changeAll(trial, tx, collection);
        isUnderWay?.();
        throw failure;
      });
      await assert.rejects(attempt, (error) => error === failure);
      assert.deepEqual([...(await outside).keys()], ['old']);
    }),
    rule(
      'pitfall 3: a checkpoint that another owner moved rolls back what the handler wrote',
      async (trial) => {
        const collection = await prepared(trial);
        const second = await trial.second();
        const move = { processor: trial.name(), segment: 0, previous: 1n };
        await second.checkpoints.move({ ...move, position: 7n });
        const error = await refused(CheckpointConflictError, () =>
          trial.backend.transaction(async (tx) => {
            await tx.documents.write(collection, [{ key: 'new', document: 'new' }]);
            await tx.checkpoints.move({ ...move, position: 5n });
          }),
        );
        assert.equal(error.move.position, 5n);
        assert.deepEqual(
          [...(await trial.backend.documents.load(collection, ['old', 'new'])).keys()],
          ['old'],
        );
        assert.equal((await trial.backend.checkpoints.load(trial.name()))?.position, 7n);
      },
    ),
    rule(
      'pitfall 3: of 10 owners at once that write and move one checkpoint, only one’s writes are there',
      async (trial) => {
        const collection = await trial.collection();
        const second = await trial.second();
        const outcomes = await Promise.allSettled(
          Array.from({ length: 10 }, (_, owner) =>
            (owner % 2 === 0 ? trial.backend : second).transaction(async (tx) => {
              await tx.documents.write(collection, [{ key: `owner-${owner}`, document: owner }]);
              await tx.checkpoints.move({
                processor: trial.name(),
                segment: 0,
                previous: undefined,
                position: BigInt(owner),
              });
            }),
          ),
        );
        const won = outcomes.flatMap(({ status }, owner) => (status === 'fulfilled' ? [owner] : []));
        assert.equal(won.length, 1);
        const { documents } = await trial.backend.documents.query(collection);
        assert.deepEqual(
          documents.map(({ document }) => document),
          won,
        );
      },
    ),
    rule('transactions at the same time lose no update', async (trial) => {
      const collection = await trial.collection();
      await trial.backend.documents.write(collection, [{ key: 'n', document: 0 }]);
      const increment = async (): Promise<void> => {
        for (;;) {
          const previous = (await trial.backend.checkpoints.load(trial.name()))?.position;
          try {
            await trial.backend.transaction(async (tx) => {
              const position = (previous ?? 0n) + 1n;
              await tx.checkpoints.move({ processor: trial.name(), segment: 0, previous, position });
              const n = (await tx.documents.load(collection, ['n'])).get('n') as number;
              await tx.documents.write(collection, [{ key: 'n', document: n + 1 }]);
            });
            return;
          } catch (error) {
            if (!(error instanceof CheckpointConflictError)) throw error;
          }
        }
      };
      await Promise.all(Array.from({ length: 10 }, increment));
      assert.equal((await trial.backend.documents.load(collection, ['n'])).get('n'), 10);
    }),
    rule('a transaction that is over is refused, however it ended', async (trial) => {
      const collection = await trial.collection();
      const leaked: Transaction[] = [];
      await trial.backend.transaction(async (tx) => {
        leaked.push(tx);
      });
      await assert.rejects(
        trial.backend.transaction(async (tx) => {
          leaked.push(tx);
          throw failure;
        }),
      );
      for (const tx of leaked) {
        await refused(TransactionError, () => tx.documents.write(collection, [{ key: 'a', document: 1 }]));
        await refused(TransactionError, () => tx.documents.load(collection, ['a']));
        await refused(TransactionError, () => tx.checkpoints.list());
        await refused(TransactionError, () => tx.timers.remove(['x']));
      }
      assert.equal(await trial.backend.documents.count(collection), 0);
    }),
    rule('SQL runs where the backend says so, with parameters, and is refused where not', async (trial) => {
      if (trial.backend.sql) {
        const { rows } = await trial.backend.transaction((tx) =>
          tx.query<{ sum: number }>('SELECT $1::int + $2::int AS sum', [2, 3]),
        );
        assert.deepEqual(rows, [{ sum: 5 }]);
      } else {
        await refused(UnsupportedError, () => trial.backend.transaction((tx) => tx.query('SELECT 1')));
      }
    }),
  ],
};
