import type { Application, Transaction } from '@tidemark/core';

// #region lock
export const publishOnce = (app: Application, publish: (token: number) => Promise<string>): Promise<string> =>
  app.locks.with('publish-report', async (lock) => {
    lock.signal.throwIfAborted();
    return publish(lock.token);
  });
// #endregion lock

export const countWithFence = (
  app: Application,
  transaction: <Result>(work: (tx: Transaction) => Promise<Result>) => Promise<Result>,
): Promise<void> =>
  // #region fence
  app.locks.with('count', (lock) =>
    transaction(async (tx) => {
      await tx.query('UPDATE counters SET value = value + 1');
      await tx.leases.hold(lock.lease);
    }),
  );
// #endregion fence

// #region lead
export const keepHouse = (app: Application, clean: (signal: AbortSignal) => Promise<void>) =>
  app.locks.lead('housekeeping', async (lock) => {
    while (!lock.signal.aborted) await clean(lock.signal);
  });
// #endregion lead
