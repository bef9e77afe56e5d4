import type { SqlSession } from './driver.js';

/** Runs work in a transaction: one of its own, or the one that is under way. */
export type InTransaction = <Result>(work: (session: SqlSession) => Promise<Result>) => Promise<Result>;
