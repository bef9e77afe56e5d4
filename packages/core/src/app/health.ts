/** How well something works. `degraded`: it works, but someone should look. `down`: part of it does not. */
export type HealthStatus = 'up' | 'degraded' | 'down';

/** How well the application, or a part of it, works. */
export interface Health {
  readonly status: HealthStatus;
  /** Why it is not `up`: one sentence each. */
  readonly reasons: readonly string[];
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
