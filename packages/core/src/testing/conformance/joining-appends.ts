import assert from 'node:assert/strict';
import { setTimeout as wait } from 'node:timers/promises';
import type { TransactionLock } from '../../backend/transaction.js';
import { TransactionError } from '../../backend/transaction.js';
import { refused } from './assertions.js';
import type { BackendTrial } from './backend-trial.js';
import { rule, type Chapter } from './conformance.js';
import { numbered, numbersOf } from './event-store-trial.js';

const exclusive = (name: string): TransactionLock => ({ name, mode: 'exclusive' });

/** Something to wait for, and what it waits for. */
const signalled = () => {
  const parts: { resolve?: () => void } = {};
  const promise = new Promise<void>((resolve) => {
    parts.resolve = resolve;
  });
  return { promise, resolve: () => parts.resolve?.() };
};

/** What else a transaction offers to those who take part in appends: locks, and reads of the log from inside. */
export const joiningAppends: Chapter<BackendTrial> = {
  name: 'locks and reads of the log in a transaction',
  rules: [
    rule('a transaction reads what is committed and what it appended itself', async (trial) => {
      const { backend } = trial;
      if (!backend.events.capabilities.transactionalAppend) return;
      const [one, other] = [trial.name('one'), trial.name('other')];
      const before = await backend.events.append(one, numbered(2));
      await backend.events.append(other, numbered(1, 7));
      await backend.transaction(async (tx) => {
        await tx.append([{ stream: one, events: numbered(2, 2) }]);
        assert.deepEqual(numbersOf(await tx.readVersions(one, 1, 3)), [1, 2, 3]);
        assert.deepEqual(await tx.readVersions(one, 4, 9), []);
        const behind = await tx.readBehind(before.position, ['Counted'], 100);
        const ours = behind.filter(({ stream }) => stream === one || stream === other);
        assert.deepEqual(numbersOf(ours), [7, 2, 3]);
        assert.ok(behind.every(({ position }, n) => n === 0 || position > (behind[n - 1]?.position ?? 0n)));
        assert.deepEqual(
          (await tx.readBehind(before.position, ['Counted'], 1)).map(({ position }) => position),
          [behind[0]?.position],
        );
        assert.deepEqual(await tx.readBehind(before.position, ['Unheard'], 100), []);
      });
    }),
    rule('what is hidden in a stream is read by its version all the same', async (trial) => {
      const { backend } = trial;
      if (!backend.events.capabilities.transactionalAppend) return;
      await backend.events.append(trial.name(), numbered(3));
      await backend.events.setStreamMetadata(trial.name(), { maxCount: 1 });
      const read = await backend.transaction((tx) => tx.readVersions(trial.name(), 0, 2));
      assert.deepEqual(numbersOf(read), [0, 1, 2]);
    }),
    rule(
      'a lock is held until the end of the transaction, also against another connection',
      async (trial) => {
        const second = await trial.second();
        const order: string[] = [];
        const { promise: held, resolve: isHeld } = signalled();
        const first = trial.backend.transaction(async (tx) => {
          await tx.lock([exclusive(trial.name())]);
          isHeld();
          // Long enough for the other to come in, if it could.
          await wait(100);
          order.push('first');
        });
        await held;
        await second.transaction(async (tx) => {
          await tx.lock([{ name: trial.name(), mode: 'shared' }]);
          order.push('second');
        });
        await first;
        assert.deepEqual(order, ['first', 'second']);
      },
    ),
    rule('calls for several locks never wait for each other in a circle', async (trial) => {
      const backends = [trial.backend, await trial.second()];
      const names = ['a', 'b', 'c', 'd'].map((label) => exclusive(trial.name(label)));
      const all = Array.from({ length: 24 }, (_, n) =>
        (backends[n % 2] ?? trial.backend).transaction(async (tx) => {
          await tx.lock(n % 3 === 0 ? names : names.toReversed());
          await tx.lock([]);
        }),
      );
      await trial.soon(Promise.all(all), 'the last of many locks');
    }),
    rule('neither is there for a transaction that is over', async (trial) => {
      const [tx] = await trial.backend.transaction(async (each) => [each] as const);
      await refused(TransactionError, () => tx.lock([exclusive(trial.name())]));
      if (!trial.backend.events.capabilities.transactionalAppend) return;
      await refused(TransactionError, () => tx.readVersions(trial.name(), 0, 1));
      await refused(TransactionError, () => tx.readBehind(0n, ['Counted'], 1));
    }),
  ],
};
