import type { Backend } from '../backend/backend.js';
import type { Clock } from '../clock.js';
import type { HandlerMiddleware } from '../model/middleware.js';
import type { Guards } from '../recovery/guards.js';
import type { Schema } from '../schema/schema.js';
import type { Intake } from '../routing/intake.js';
import type { OpenScope } from './message-scope.js';
import type { Run, RunParts } from './run.js';
import type { Source, SourceHost } from './source.js';

/** What a runner works with. */
export interface RunnerEnvironment {
  readonly backend: Backend;
  readonly schema: Schema;
  readonly clock: Clock;
  /** Makes the scope in which handlers of one message resolve their dependencies; called when one first asks. */
  readonly services: OpenScope;
  /** What stands around each call of a handler, outside of the definition's own. Default: none. */
  readonly middleware?: readonly HandlerMiddleware[] | undefined;
  /** Milliseconds that handlers get to finish what was delivered when the runner drains. Default: 10,000. */
  readonly graceMs?: number | undefined;
  /** Milliseconds that handlers get to heed their aborted signal before they are left behind. Default: 5,000. */
  readonly abandonMs?: number | undefined;
  /** Least milliseconds between two writes of a checkpoint outside of a transaction. Default: 100. */
  readonly checkpointIntervalMs?: number | undefined;
  /** What the processor takes of the log. Default: what its definition says, without routes. */
  readonly intake?: Intake | undefined;
  /** Makes the source of a run. Default: what the definition names, by default the log from the checkpoint on. */
  readonly source?: ((host: SourceHost) => Source) | undefined;
  /** Epoch of the lease under which is handled. Default: none. */
  readonly fencingToken?: number | undefined;
  /** Makes a run where it is not one of a whole processor in this process alone. Default: none. */
  readonly createRun?: ((parts: RunParts) => Run | undefined) | undefined;
  /** Circuit breakers and bulkheads, shared by name. Default: its own. */
  readonly guards?: Guards | undefined;
  /** Told of a failure, beside the status. Default: a warning of the process, so that none goes unseen. */
  readonly warn?: ((message: string) => void) | undefined;
}
