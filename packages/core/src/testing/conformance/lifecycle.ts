import assert from 'node:assert/strict';
import { StoreUnavailableError } from '../../log/errors.js';
import { refused } from './assertions.js';
import type { BackendTrial } from './backend-trial.js';
import { rule, type Chapter } from './conformance.js';
import { all, numbered } from './event-store-trial.js';

/** Being open. */
export const lifecycle: Chapter<BackendTrial> = {
  name: 'opening',
  rules: [
    rule('a backend has a name', async (trial) => {
      assert.match(trial.backend.name, /^[a-z]/);
    }),
    rule('opening what is open does nothing', async (trial) => {
      await trial.backend.events.append(trial.name(), numbered(1));
      await trial.backend.open();
      assert.equal(await trial.backend.events.streamVersion(trial.name()), 0);
    }),
  ],
};

/** Being closed; each rule closes the backend that it is given. */
export const closing: Chapter<BackendTrial> = {
  name: 'closing',
  rules: [
    rule('closing ends every subscription without an error, and twice is as good as once', async (trial) => {
      const { events } = trial.backend;
      const iterator = events.subscribe()[Symbol.asyncIterator]();
      while ((await iterator.next()).value?.caughtUp === false);
      const waiting = iterator.next();
      await trial.backend.close();
      await trial.backend.close();
      assert.equal((await trial.soon(waiting, 'the end of the subscription')).done, true);
    }),
    rule('what is closed refuses everything, by a typed error', async (trial) => {
      const { backend } = trial;
      const { events, documents, checkpoints, snapshots, timers, leases, deadLetters, nodes } = backend;
      await backend.close();
      for (const attempt of [
        () => events.append(trial.name(), numbered(1)),
        () => all(events.readStream(trial.name())),
        () => all(events.readAll()),
        () => events.streamVersion(trial.name()),
        () => events.head(),
        async () => events.subscribe()[Symbol.asyncIterator]().next(),
        () => events.deleteStream(trial.name()),
        () => events.setStreamMetadata(trial.name(), {}),
        () => documents.ensure({ name: trial.name(), indexes: [] }),
        () => checkpoints.load(trial.name()),
        () => snapshots.load(trial.name()),
        () => timers.list(trial.name()),
        () => timers.remove([trial.name()]),
        () => leases.list(trial.name()),
        () => leases.acquire({ names: [trial.name()], owner: 'a', ttlMs: 1_000 }),
        () => deadLetters.parked(trial.name(), ['a']),
        () => deadLetters.claim({ processor: trial.name(), claimMs: 1_000 }),
        () => nodes.list(),
        () => backend.transaction(async () => 1),
      ]) {
        await refused(StoreUnavailableError, attempt);
      }
    }),
  ],
};
