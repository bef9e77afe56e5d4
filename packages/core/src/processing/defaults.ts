/** Most events in one batch. */
export const defaultBatchSize = 500;
/** Most events in a batch that a handler gets. */
export const defaultBatchMax = 100;
/** Keys worked on at the same time. */
export const defaultConcurrency = 16;
/** Least milliseconds between two writes of a checkpoint that is not part of a transaction. */
export const defaultCheckpointIntervalMs = 100;
/** Milliseconds that handlers get to finish before their signal is aborted. */
export const defaultGraceMs = 10_000;
/** Milliseconds that handlers get after their signal was aborted, before they are left behind. */
export const defaultAbandonMs = 5_000;
/** Milliseconds that `waitFor` waits. */
export const defaultWaitMs = 10_000;
