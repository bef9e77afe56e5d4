import type { Generation, SwitchRow } from './switch-row.js';

/** A switch row about to be written. */
export type NextRow = Omit<SwitchRow, 'revision'>;

/** Where a projection stands when its application starts. */
export interface StartPlan {
  /** The row to be written, or `undefined` if the one there is right. */
  readonly next: NextRow | undefined;
  /** The generation that must be created, if one must. */
  readonly created: Generation | undefined;
  /** The generation that the live runner feeds: the active one, or the one that will replace it. */
  readonly live: Generation;
}

/**
 * What a start makes of the row that it finds. The read model of another version cannot be fed any more, since its
 * handlers are gone: it answers as it is until a new generation has caught up. One that was interrupted is continued.
 */
export const planStart = (row: SwitchRow | undefined, version: number): StartPlan => {
  if (row === undefined) {
    const first: Generation = { number: 1, version };
    return { next: { active: first, building: null, retired: [], newest: 1 }, created: first, live: first };
  }
  const isCurrent = row.active.version === version;
  if (row.building !== null && row.building.version === version) {
    // A rebuild of the active version is continued when it is asked for again; the build of a new one, at once.
    return { next: undefined, created: undefined, live: isCurrent ? row.active : row.building };
  }
  if (isCurrent) {
    return {
      next: row.building === null ? undefined : withoutBuilding(row),
      created: undefined,
      live: row.active,
    };
  }
  const next = beginBuilding(row, version);
  return { next, created: next.building, live: next.building };
};

/** The row with a new generation being built; one that was being built is given up. */
export const beginBuilding = (
  row: SwitchRow,
  version: number,
): NextRow & { readonly building: Generation } => {
  const building: Generation = { number: row.newest + 1, version };
  return { ...withoutBuilding(row), building, newest: building.number };
};

/** The row once the generation being built has become the active one. */
export const switched = (row: SwitchRow, building: Generation): NextRow => ({
  active: building,
  building: null,
  retired: [...row.retired, row.active.number],
  newest: row.newest,
});

/** The row once these retired generations are gone. */
export const cleaned = (
  { active, building, retired, newest }: SwitchRow,
  gone: readonly number[],
): NextRow => ({
  active,
  building,
  retired: retired.filter((generation) => !gone.includes(generation)),
  newest,
});

const withoutBuilding = ({ active, building, retired, newest }: SwitchRow): NextRow => ({
  active,
  building: null,
  retired: building === null ? retired : [...retired, building.number],
  newest,
});
