/** How well something works. `degraded`: it works, but someone should look. `down`: part of it does not. */
export type HealthStatus = 'up' | 'degraded' | 'down';

/** How well the application, or a part of it, works. */
export interface Health {
  readonly status: HealthStatus;
  /** Why it is not `up`: one sentence each. */
  readonly reasons: readonly string[];
}

/** The health of an application, with the answers to the two questions that an orchestrator such as Kubernetes asks. */
export interface ApplicationHealth extends Health {
  /**
   * False when only a new start helps: the application has been stopped, or its start failed. True before it is started, and
   * while it starts, runs and stops; also while the backend is away or a processor has failed, since a restart mends neither
   * (the one recovers by itself, the other fails again at the same event).
   */
  readonly live: boolean;
  /**
   * True when it should be sent work: it runs, and its backend is not `down`. False before and while it starts, while it
   * stops and after, and while the backend is away for so long that calls fail. A processor that failed or is paused leaves
   * it ready: commands are taken all the same, and the same event would make all instances unready at once.
   */
  readonly ready: boolean;
}

const severity: Readonly<Record<HealthStatus, number>> = { up: 0, degraded: 1, down: 2 };

/** The health of a whole: as bad as the worst of its parts, with the reasons of all. */
export const combineHealth = (parts: readonly Health[]): Health => ({
  status: parts.reduce<HealthStatus>(
    (worst, { status }) => (severity[status] > severity[worst] ? status : worst),
    'up',
  ),
  reasons: parts.flatMap(({ reasons }) => reasons),
});
