import { describe, expect, it } from '@jest/globals';
import type { SwitchRow } from './switch-row.js';
import { beginBuilding, cleaned, planStart, switched } from './transitions.js';

const row = (fields: Partial<SwitchRow> = {}): SwitchRow => ({
  revision: 4,
  active: { number: 3, version: 1 },
  building: null,
  retired: [],
  newest: 3,
  ...fields,
});

describe('planStart', () => {
  it('makes the first generation, which is active at once', () => {
    const first = { number: 1, version: 7 };
    expect(planStart(undefined, { version: 7 })).toEqual({
      next: { active: first, building: null, retired: [], newest: 1 },
      created: first,
      live: first,
    });
  });

  it('goes on with the active generation of the same version', () => {
    expect(planStart(row(), { version: 1 })).toEqual({
      next: undefined,
      created: undefined,
      live: { number: 3, version: 1 },
    });
  });

  it('leaves an interrupted rebuild of the same version to be continued', () => {
    const interrupted = row({ building: { number: 4, version: 1 }, newest: 4 });
    expect(planStart(interrupted, { version: 1 })).toEqual({
      next: undefined,
      created: undefined,
      live: { number: 3, version: 1 },
    });
  });

  it.each([2, 0])('builds a new generation for version %i, raised or taken back', (version) => {
    const building = { number: 4, version };
    expect(planStart(row(), { version })).toEqual({
      next: { active: { number: 3, version: 1 }, building, retired: [], newest: 4 },
      created: building,
      live: building,
    });
  });

  it('continues the interrupted build of a raised version', () => {
    const building = { number: 4, version: 2 };
    expect(planStart(row({ building, newest: 4 }), { version: 2 })).toEqual({
      next: undefined,
      created: undefined,
      live: building,
    });
  });

  it('gives up the build of a version that is no longer wanted', () => {
    const interrupted = row({ building: { number: 4, version: 2 }, newest: 4, retired: [2] });
    expect(planStart(interrupted, { version: 1 })).toEqual({
      next: { active: { number: 3, version: 1 }, building: null, retired: [2, 4], newest: 4 },
      created: undefined,
      live: { number: 3, version: 1 },
    });
    expect(planStart(interrupted, { version: 3 })).toMatchObject({
      next: { building: { number: 5, version: 3 }, retired: [2, 4], newest: 5 },
      live: { number: 5, version: 3 },
    });
  });
});

describe('a switch', () => {
  it('never uses a number again, and retires what it replaces until that is dropped', () => {
    const building = row({ building: { number: 4, version: 1 }, newest: 4 });
    expect(beginBuilding(building, { version: 1 })).toMatchObject({
      building: { number: 5 },
      retired: [4],
      newest: 5,
    });
    const after = switched(building, { number: 4, version: 1 });
    expect(after).toEqual({ active: { number: 4, version: 1 }, building: null, retired: [3], newest: 4 });
    expect(cleaned({ ...after, revision: 5, retired: [3, 9] }, [3])).toEqual({ ...after, retired: [9] });
  });
});
