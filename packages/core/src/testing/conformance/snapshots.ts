import assert from 'node:assert/strict';
import type { Snapshot } from '../../backend/snapshots.js';
import { SerializationError } from '../../schema/errors.js';
import { refused } from './assertions.js';
import type { BackendTrial } from './backend-trial.js';
import { rule, type Chapter } from './conformance.js';
import { oddValues } from './odd-values.js';

const snapshot = (trial: BackendTrial, version: number, state: unknown, schemaVersion = 1): Snapshot => ({
  stream: trial.name(),
  version,
  schemaVersion,
  state,
});

/** Snapshots: the newest of each stream. A store may forget them; those tried here are asked for at once. */
export const snapshots: Chapter<BackendTrial> = {
  name: 'snapshots',
  rules: [
    rule('a stream has none at first', async (trial) => {
      assert.equal(await trial.backend.snapshots.load(trial.name()), undefined);
    }),
    rule('a snapshot comes back as it was saved, and each reader has its own', async (trial) => {
      const state = { list: [1] };
      await trial.backend.snapshots.save(snapshot(trial, 7, state));
      state.list.push(2);
      const loaded = await trial.backend.snapshots.load(trial.name());
      assert.deepEqual(loaded, snapshot(trial, 7, { list: [1] }));
      (loaded?.state as typeof state | undefined)?.list.push(3);
      assert.deepEqual((await trial.backend.snapshots.load(trial.name()))?.state, { list: [1] });
    }),
    rule('a newer one takes the place of an older one, but not the other way round', async (trial) => {
      const { snapshots: store } = trial.backend;
      await store.save(snapshot(trial, 7, 'seven'));
      await store.save(snapshot(trial, 9, 'nine'));
      await store.save(snapshot(trial, 8, 'eight'));
      assert.deepEqual(await store.load(trial.name()), snapshot(trial, 9, 'nine'));
    }),
    rule('one of another schema version takes its place, whatever its version', async (trial) => {
      const { snapshots: store } = trial.backend;
      await store.save(snapshot(trial, 9, 'old', 1));
      await store.save(snapshot(trial, 3, 'new', 2));
      assert.deepEqual(await store.load(trial.name()), snapshot(trial, 3, 'new', 2));
    }),
    rule('a deleted one is gone; deleting none is no error', async (trial) => {
      const { snapshots: store } = trial.backend;
      await store.save(snapshot(trial, 9, 1));
      await store.delete(trial.name());
      assert.equal(await store.load(trial.name()), undefined);
      await store.delete(trial.name());
      await store.save(snapshot(trial, 2, 2));
      assert.equal((await store.load(trial.name()))?.version, 2);
    }),
    rule('a state that cannot be held is refused', async (trial) => {
      await refused(SerializationError, () => trial.backend.snapshots.save(snapshot(trial, 1, { n: 1n })));
      assert.equal(await trial.backend.snapshots.load(trial.name()), undefined);
    }),
    rule('pitfall 19: odd states come back as they were', async (trial) => {
      for (const [version, [what, state]] of oddValues.entries()) {
        await trial.backend.snapshots.save(snapshot(trial, version, state));
        const loaded = await trial.backend.snapshots.load(trial.name());
        assert.ok(JSON.stringify(loaded?.state) === JSON.stringify(state), what);
      }
    }),
  ],
};
