import assert from 'node:assert/strict';
import { newId } from '../../messages/ids.js';
import type { NewEvent } from '../../messages/event.js';
import { ConcurrencyError, InvalidArgumentError } from '../../log/errors.js';
import type { ExpectedVersion } from '../../log/event-store.js';
import { conflicts, refused } from './assertions.js';
import { rule, type Chapter } from './conformance.js';
import { all, answerOf, identified, numbersOf, type EventStoreTrial } from './event-store-trial.js';

const answersRepeated = (expectedVersion: ExpectedVersion, present: number) =>
  rule<EventStoreTrial>(
    `the same append with ${String(expectedVersion)} to ${present === 0 ? 'a new stream' : `a stream of ${present}`} is answered as the first time, also when others followed`,
    async (trial) => {
      const stream = trial.name();
      if (present > 0) await trial.fill(stream, present, 100);
      const events = identified(3);
      const first = await trial.store.append(stream, events, { expectedVersion });
      const second = await trial.store.append(stream, events, { expectedVersion });
      await trial.fill(stream, 2, 50);
      const third = await trial.store.append(stream, events, { expectedVersion });
      assert.equal(first.alreadyAppended, false);
      assert.deepEqual(answerOf(second), answerOf({ ...first, alreadyAppended: true }));
      assert.deepEqual(answerOf(third), answerOf(second));
      assert.equal(await trial.store.streamVersion(stream), present + 4);
    },
  );

const refusesOverlap = (
  what: string,
  expectedVersion: ExpectedVersion,
  again: (events: readonly NewEvent[]) => readonly (NewEvent | undefined)[],
) =>
  rule<EventStoreTrial>(`with ${String(expectedVersion)}, ${what} is a conflict`, async (trial) => {
    const stream = trial.name();
    const events = identified(3);
    await trial.store.append(stream, events);
    const overlap = again(events).filter((event) => event !== undefined);
    await conflicts(stream, expectedVersion, 2, () =>
      trial.store.append(stream, overlap, { expectedVersion }),
    );
    assert.deepEqual(numbersOf(await all(trial.store.readStream(stream))), [0, 1, 2]);
  });

/** Appending the same ids again. */
export const idempotence: Chapter<EventStoreTrial> = {
  name: 'repeated appends',
  rules: [
    answersRepeated('any', 0),
    answersRepeated('any', 2),
    answersRepeated('no-stream', 0),
    answersRepeated(-1, 0),
    answersRepeated(1, 2),
    answersRepeated('stream-exists', 2),
    rule('a part of an earlier append, at its place, is there already', async (trial) => {
      const stream = trial.name();
      const events = identified(3);
      const { position } = await trial.store.append(stream, events);
      const tail = await trial.store.append(stream, events.slice(1), { expectedVersion: 0 });
      assert.deepEqual(answerOf(tail), { stream, version: 2, position, alreadyAppended: true });
    }),
    rule('ids decide, not data: a repetition does not change what was written', async (trial) => {
      const stream = trial.name();
      const [event] = identified(1);
      assert.ok(event);
      await trial.store.append(stream, [event], { expectedVersion: 'no-stream' });
      const again = await trial.store.append(stream, [{ ...event, data: { n: 99 } }], {
        expectedVersion: 'no-stream',
      });
      assert.equal(again.alreadyAppended, true);
      assert.deepEqual(numbersOf(await all(trial.store.readStream(stream))), [0]);
    }),
    refusesOverlap('old events followed by a new one', 'any', (events) => [...events, ...identified(1, 3)]),
    refusesOverlap('a new event followed by old ones', 'any', (events) => [...identified(1, 3), ...events]),
    refusesOverlap('the last old event followed by a new one', 1, (events) => [
      events[2],
      ...identified(1, 3),
    ]),
    refusesOverlap('an old event with another behind it than then', -1, (events) => [
      events[0],
      ...identified(1, 3),
    ]),
    refusesOverlap('old events in another order', 'any', (events) => [events[1], events[0]]),
    refusesOverlap('old events with one left out', 'any', (events) => [events[0], events[2]]),
    refusesOverlap('an old event at another place', 0, (events) => [events[2]]),
    refusesOverlap('an old event at the end', 2, (events) => [events[0]]),
    refusesOverlap('an old event with a new one', 'stream-exists', (events) => [
      events[2],
      ...identified(1, 3),
    ]),
    rule('a conflict of ids names the event', async (trial) => {
      const stream = trial.name();
      const events = identified(1);
      await trial.store.append(stream, events);
      const error = await refused(ConcurrencyError, () =>
        trial.store.append(stream, [...events, ...identified(1)]),
      );
      assert.equal(error.duplicateId, events[0]?.id);
    }),
    rule(
      'the same append from 10 writers at once is written once, and all get the same answer',
      async (trial) => {
        const second = await trial.second();
        const stream = trial.name();
        const events = identified(2);
        const results = await Promise.all(
          Array.from({ length: 10 }, (_, writer) =>
            (writer % 2 === 0 ? trial.store : second).append(stream, events),
          ),
        );
        assert.equal(results.filter((result) => !result.alreadyAppended).length, 1);
        assert.equal(new Set(results.map((result) => result.position)).size, 1);
        assert.deepEqual(numbersOf(await all(trial.store.readStream(stream))), [0, 1]);
      },
    ),
    rule('an id may occur in two streams', async (trial) => {
      const events = identified(2);
      await trial.store.append(trial.name('a'), events, { expectedVersion: 'no-stream' });
      const result = await trial.store.append(trial.name('b'), events, { expectedVersion: 'no-stream' });
      assert.equal(result.alreadyAppended, false);
    }),
    rule('an id twice in one append is refused', async (trial) => {
      const [event] = identified(1);
      assert.ok(event);
      await refused(InvalidArgumentError, () => trial.store.append(trial.name(), [event, event]));
    }),
    rule('ids are UUIDs, and the case of their letters does not matter', async (trial) => {
      const stream = trial.name();
      const id = '0198C0DE-AAAA-7BBB-8CCC-DDDDEEEEFFFF';
      await trial.store.append(stream, [{ id, type: 'Counted', data: 0 }]);
      const again = await trial.store.append(stream, [{ id: id.toLowerCase(), type: 'Counted', data: 0 }]);
      assert.equal(again.alreadyAppended, true);
      const [event] = await all(trial.store.readStream(stream));
      assert.equal(event?.id, id.toLowerCase());
      assert.equal((await trial.store.findEvent(stream, id))?.version, 0);
    }),
    rule('events without ids get UUIDs, a different one each', async (trial) => {
      const stream = trial.name();
      await trial.fill(stream, 3);
      await trial.fill(stream, 3);
      const ids = (await all(trial.store.readStream(stream))).map((event) => event.id);
      assert.equal(new Set(ids).size, 6);
      for (const id of ids)
        assert.match(id, /^[\da-f]{8}-[\da-f]{4}-7[\da-f]{3}-[89ab][\da-f]{3}-[\da-f]{12}$/);
    }),
    rule('an event is found by its id in its stream only', async (trial) => {
      const events = identified(3);
      await trial.store.append(trial.name(), events);
      const found = await trial.store.findEvent(trial.name(), events[1]?.id ?? '');
      assert.deepEqual(found?.data, { n: 1 });
      assert.equal(found.version, 1);
      assert.equal(await trial.store.findEvent(trial.name('b'), events[1]?.id ?? ''), undefined);
      assert.equal(await trial.store.findEvent(trial.name(), newId()), undefined);
    }),
  ],
};
