import assert from 'node:assert/strict';
import { rule, type Chapter } from './conformance.js';
import { all, numbered, type EventStoreTrial } from './event-store-trial.js';

/** What a store says of itself is true. What it says of several streams is tried with the appends to them. */
export const capabilities: Chapter<EventStoreTrial> = {
  name: 'capabilities',
  rules: [
    rule('each capability is said plainly', async (trial) => {
      const { multiStreamAppend, transactionalAppend, durable, shared, maxEventBytes } =
        trial.store.capabilities;
      for (const capability of [multiStreamAppend, transactionalAppend, durable, shared]) {
        assert.equal(typeof capability, 'boolean');
      }
      assert.ok(maxEventBytes === undefined || maxEventBytes > 0);
    }),
    rule('durable: events, positions and settings outlive a restart', async (trial) => {
      if (!trial.store.capabilities.durable) return;
      const stream = trial.name();
      await trial.fill(stream, 3);
      await trial.store.setStreamMetadata(stream, { custom: { kept: true } });
      const events = await all(trial.store.readStream(stream));
      const head = await trial.store.head();
      const reopened = await trial.reopened();
      assert.ok(reopened, 'a fixture of a durable store must have reopen(), so that this can be tried');
      assert.deepEqual(await all(reopened.readStream(stream)), events);
      assert.deepEqual(await reopened.getStreamMetadata(stream), { custom: { kept: true } });
      assert.ok((await reopened.head()) >= head);
      const { version, position } = await reopened.append(stream, numbered(1, 3), { expectedVersion: 2 });
      assert.equal(version, 3);
      assert.ok(position > head);
    }),
    rule('shared: what another connection appends is read here, and the other way round', async (trial) => {
      if (!trial.store.capabilities.shared) return;
      const second = await trial.second();
      assert.notEqual(second, trial.store, 'a fixture of a shared store must have connect()');
      await second.append(trial.name(), numbered(1));
      assert.equal(await trial.store.streamVersion(trial.name()), 0);
      await trial.store.append(trial.name(), numbered(1, 1), { expectedVersion: 0 });
      assert.equal(await second.streamVersion(trial.name()), 1);
    }),
  ],
};
