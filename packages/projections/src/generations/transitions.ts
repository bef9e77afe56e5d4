import type { ProjectionMode } from '../definition.js';
import type { Generation, SwitchRow } from './switch-row.js';

/** A switch row about to be written. */
export type NextRow = Omit<SwitchRow, 'revision'>;

/** What a generation must be of to be kept up to date by a definition. */
export interface Build {
  readonly version: number;
  readonly mode?: ProjectionMode | undefined;
}

/** Whether the generation is one that the definition built, or would build. */
export const isOf = (generation: Generation, { version, mode }: Build): boolean =>
  generation.version === version && (generation.mode === 'inline') === (mode === 'inline');

const generationOf = (number: number, { version, mode }: Build): Generation =>
  mode === 'inline' ? { number, version, mode } : { number, version };

/** Stands for the generation of a projection that has never shown anything: an inline one whose first is being built. */
export const noGeneration = 0;

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
export const planStart = (row: SwitchRow | undefined, build: Build): StartPlan => {
  if (row === undefined) {
    const first = generationOf(1, build);
    if (build.mode === 'inline') {
      // What is in the log already must be in it before it is shown, or added to.
      const nothing = { number: noGeneration, version: 0 };
      const next = { active: nothing, building: first, retired: [], newest: 1 };
      return { next, created: first, live: first };
    }
    return { next: { active: first, building: null, retired: [], newest: 1 }, created: first, live: first };
  }
  const isCurrent = isOf(row.active, build);
  if (row.building !== null && isOf(row.building, build)) {
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
  const next = beginBuilding(row, build);
  return { next, created: next.building, live: next.building };
};

/** The row with a new generation being built; one that was being built is given up. */
export const beginBuilding = (row: SwitchRow, build: Build): NextRow & { readonly building: Generation } => {
  const building = generationOf(row.newest + 1, build);
  return { ...withoutBuilding(row), building, newest: building.number };
};

/** The row once the generation being built has become the active one. */
export const switched = (row: SwitchRow, building: Generation): NextRow => ({
  active: building,
  building: null,
  retired: row.active.number === noGeneration ? row.retired : [...row.retired, row.active.number],
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
