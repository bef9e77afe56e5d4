import assert from 'node:assert/strict';
import { ConcurrencyError } from '../../log/errors.js';
import type { AppendResult, EventStore, ExpectedVersion } from '../../log/event-store.js';
import type { RecordedEvent } from '../../messages/event.js';
import { rule, type Chapter } from './conformance.js';
import { all, numbered, numbersOf, type EventStoreTrial } from './event-store-trial.js';

/** Lets all append at once; gives what won, and fails on anything but a win or a conflict. */
const race = async (appends: readonly Promise<AppendResult>[]): Promise<readonly AppendResult[]> => {
  const outcomes = await Promise.allSettled(appends);
  return outcomes.flatMap((outcome) => {
    if (outcome.status === 'fulfilled') return [outcome.value];
    assert.ok(outcome.reason instanceof ConcurrencyError, `lost with ${String(outcome.reason)}`);
    return [];
  });
};

const assertGrowing = (events: readonly RecordedEvent[]): void => {
  for (const [index, event] of events.entries()) {
    const before = events[index - 1];
    assert.ok(before === undefined || before.position < event.position, 'positions grow in the order read');
  }
};

const onlyOneWins = (expectedVersion: ExpectedVersion, present: number) =>
  rule<EventStoreTrial>(
    `pitfall 1: of 20 writers on two connections that append with ${String(expectedVersion)}, exactly one wins`,
    async (trial) => {
      const stores: readonly EventStore[] = [trial.store, await trial.second()];
      const stream = trial.name();
      if (present > 0) await trial.fill(stream, present, 100);
      const wins = await race(
        Array.from({ length: 20 }, (_, writer) =>
          (stores[writer % 2] ?? trial.store).append(stream, numbered(2, writer * 2), { expectedVersion }),
        ),
      );
      assert.equal(wins.length, 1);
      assert.equal(await trial.store.streamVersion(stream), present + 1);
    },
  );

/** Many writers at once. */
export const appendRaces: Chapter<EventStoreTrial> = {
  name: 'writers at the same time',
  rules: [
    onlyOneWins('no-stream', 0),
    onlyOneWins(-1, 0),
    onlyOneWins(2, 3),
    rule(
      'of 20 writers that append with "any" to one stream, all succeed, each in one piece',
      async (trial) => {
        const stores: readonly EventStore[] = [trial.store, await trial.second()];
        const stream = trial.name();
        const results = await Promise.all(
          Array.from({ length: 20 }, (_, writer) =>
            (stores[writer % 2] ?? trial.store).append(stream, numbered(3, writer * 3)),
          ),
        );
        const events = await all(trial.store.readStream(stream));
        assert.deepEqual(
          events.map((event) => event.version),
          Array.from({ length: 60 }, (_, version) => version),
        );
        for (const [writer, { version, position }] of results.entries()) {
          const own = events.slice(version - 2, version + 1);
          assert.deepEqual(numbersOf(own), [writer * 3, writer * 3 + 1, writer * 3 + 2]);
          assert.equal(own[2]?.position, position);
        }
        assertGrowing(events);
      },
    ),
    rule(
      '50 writers on 50 streams all succeed, and the log holds each event once, in each stream’s order',
      async (trial) => {
        const stores: readonly EventStore[] = [trial.store, await trial.second()];
        const after = await trial.store.head();
        await Promise.all(
          Array.from({ length: 50 }, async (_, writer) => {
            const store = stores[writer % 2] ?? trial.store;
            for (let round = 0; round < 4; round++) {
              await store.append(trial.name(`${writer}`), numbered(2, round * 2), {
                expectedVersion: round * 2 - 1,
              });
            }
          }),
        );
        const events = await all(
          trial.store.readAll({ after, filter: { streamPrefixes: [`${trial.prefix}-`] } }),
        );
        assert.equal(events.length, 400);
        assertGrowing(events);
        for (let writer = 0; writer < 50; writer++) {
          const own = events.filter((event) => event.stream === trial.name(`${writer}`));
          assert.deepEqual(numbersOf(own), [0, 1, 2, 3, 4, 5, 6, 7]);
        }
      },
    ),
    rule(
      'pitfall 5: a subscriber misses none of the events of many writers, and sees them in order',
      async (trial) => {
        const stores: readonly EventStore[] = [trial.store, await trial.second()];
        const follower = trial.subscribe({
          after: await trial.store.head(),
          filter: { streamPrefixes: [`${trial.prefix}-`] },
          batchSize: 7,
        });
        const writing = Promise.all(
          Array.from({ length: 20 }, async (_, writer) => {
            const store = stores[writer % 2] ?? trial.store;
            for (let round = 0; round < 10; round++) {
              await store.append(trial.name(`${writer}`), numbered(1 + (round % 3), round));
            }
          }),
        );
        const [delivered] = await Promise.all([follower.untilEvents(20 * 19), writing]);
        assertGrowing(delivered);
        assert.equal(new Set(delivered.map((event) => event.id)).size, 20 * 19);
      },
    ),
    rule('a refused append does not fail those that run beside it', async (trial) => {
      const outcomes = await Promise.allSettled([
        trial.store.append(trial.name('good'), numbered(1)),
        trial.store.append(trial.name('bad'), numbered(1), { expectedVersion: 3 }),
        trial.store.append(trial.name('unwritable'), [{ type: 'Counted', data: { n: 1n } }]),
        trial.store.append(trial.name('fine'), numbered(1)),
      ]);
      assert.deepEqual(
        outcomes.map((outcome) => outcome.status),
        ['fulfilled', 'rejected', 'rejected', 'fulfilled'],
      );
    }),
  ],
};
