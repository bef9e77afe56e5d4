import { BackendTrial, type BackendFixture } from './backend-trial.js';
import { checkpoints } from './checkpoints.js';
import { defineTests, type Chapter, type TestRunner } from './conformance.js';
import { deadLetterAudit, deadLetterRetries, deadLetters } from './dead-letters.js';
import { documentQueries } from './document-queries.js';
import { documents } from './documents.js';
import { fencing, leases } from './leases.js';
import { closing, lifecycle } from './lifecycle.js';
import { nodes } from './nodes.js';
import { snapshots } from './snapshots.js';
import { timers } from './timers.js';
import { joiningAppends } from './joining-appends.js';
import { transactionalAppends } from './transactional-appends.js';
import { transactions } from './transactions.js';

/** Options of {@link backendConformance}. */
export interface BackendConformanceOptions extends TestRunner {
  /** Gives the backend that a rule is tried on: a new one each time, or always the same. */
  readonly create: () => Promise<BackendFixture>;
  /** Gives a backend that a rule may close. Default: `create`, if that gives a new one each time. */
  readonly createToClose?: (() => Promise<BackendFixture>) | undefined;
  /** How long something is waited for before it counts as not coming, in milliseconds. Default: 10,000. */
  readonly patienceMs?: number | undefined;
}

/** Every rule of the ports beside the event store, and of transactions. */
export const backendChapters: readonly Chapter<BackendTrial>[] = [
  checkpoints,
  snapshots,
  timers,
  documents,
  documentQueries,
  transactions,
  transactionalAppends,
  joiningAppends,
  leases,
  fencing,
  deadLetters,
  deadLetterRetries,
  deadLetterAudit,
  nodes,
  lifecycle,
];

/**
 * Tests a backend against every rule of its ports beside the event store, and of transactions over them: one named test a
 * rule. The event store has its own suite, `eventStoreConformance`.
 */
export const backendConformance = ({
  create,
  createToClose = create,
  patienceMs = 10_000,
  ...runner
}: BackendConformanceOptions): void => {
  defineTests(runner, backendChapters, async () => new BackendTrial(await create(), patienceMs));
  defineTests(runner, [closing], async () => new BackendTrial(await createToClose(), patienceMs));
};
