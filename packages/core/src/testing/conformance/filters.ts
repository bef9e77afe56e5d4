import assert from 'node:assert/strict';
import type { EventFilter } from '../../log/filter.js';
import { rule, type Chapter } from './conformance.js';
import { all, numbersOf, type EventStoreTrial } from './event-store-trial.js';

/** Events that differ in all that filters look at. Types and streams are the trial's own. */
const mixed = async (trial: EventStoreTrial): Promise<void> => {
  const append = async (n: number, stream: string, type: string, metadata = {}): Promise<void> => {
    await trial.store.append(trial.name(stream), [{ type: trial.name(type), data: { n }, metadata }]);
  };
  await append(0, 'order-1', 'Placed', { agentId: 'planner', level: 1, urgent: true });
  await append(1, 'order-2', 'Placed', { agentId: 'writer', level: 2, urgent: false });
  await append(2, 'order_1', 'Paid', { agentId: 'planner', level: '1' });
  await append(3, 'invoice-1', 'Paid', { agentId: 'Planner' });
  await append(4, 'order-1', 'Paid_', { nested: { agentId: 'planner' }, level: null });
};

const matches = (
  what: string,
  filter: (trial: EventStoreTrial) => EventFilter,
  expected: readonly number[],
) =>
  rule<EventStoreTrial>(what, async (trial) => {
    const after = await trial.store.head();
    await mixed(trial);
    const given = filter(trial);
    const own = { ...given, streamPrefixes: given.streamPrefixes ?? [`${trial.prefix}-`] };
    assert.deepEqual(numbersOf(await all(trial.store.readAll({ after, filter: own }))), expected);
    const backwards = await all(trial.store.readAll({ filter: own, direction: 'backwards' }));
    assert.deepEqual(numbersOf(backwards), expected.toReversed(), 'the same, backwards');
    const follower = trial.subscribe({ after, filter: own, batchSize: 2 });
    await follower.untilCaughtUp();
    assert.deepEqual(numbersOf(follower.events), expected, 'the same, subscribed to');
  });

/** Which events a filter lets through: the same for reads in both directions and for subscriptions. */
export const filters: Chapter<EventStoreTrial> = {
  name: 'filters',
  rules: [
    matches('an empty filter lets all through', () => ({}), [0, 1, 2, 3, 4]),
    matches('types: one of them, as a whole', (trial) => ({ types: [trial.name('Paid')] }), [2, 3]),
    matches(
      'types: any of several',
      (trial) => ({ types: [trial.name('Paid_'), trial.name('Placed')] }),
      [0, 1, 4],
    ),
    matches('types: none of an empty list', () => ({ types: [] }), []),
    matches('stream prefixes: one', (trial) => ({ streamPrefixes: [trial.name('order-')] }), [0, 1, 4]),
    matches('stream prefixes: no wildcards', (trial) => ({ streamPrefixes: [trial.name('order_')] }), [2]),
    matches('stream prefixes: % is a character', (trial) => ({ streamPrefixes: [trial.name('%')] }), []),
    matches(
      'stream prefixes: any of several, each event once',
      (trial) => ({ streamPrefixes: [trial.name('order-1'), trial.name('order'), trial.name('invoice')] }),
      [0, 1, 2, 3, 4],
    ),
    matches('stream prefixes: none of an empty list', () => ({ streamPrefixes: [] }), []),
    matches('metadata: text is compared exactly', () => ({ metadata: { agentId: 'planner' } }), [0, 2]),
    matches('metadata: a number is not its text', () => ({ metadata: { level: 1 } }), [0]),
    matches('metadata: text is not its number', () => ({ metadata: { level: '1' } }), [2]),
    matches('metadata: false is a value', () => ({ metadata: { urgent: false } }), [1]),
    matches('metadata: every key must hold', () => ({ metadata: { agentId: 'planner', urgent: true } }), [0]),
    matches('metadata: a key that no event has', () => ({ metadata: { sessionId: 'x' } }), []),
    matches(
      'metadata: quotes and backslashes are characters',
      () => ({ metadata: { 'a"\\\'b': '"\\\'' } }),
      [],
    ),
    matches(
      'every condition must hold',
      (trial) => ({ types: [trial.name('Placed')], streamPrefixes: [trial.name('order-1')] }),
      [0],
    ),
    rule('recorded at or after, and before, a time', async (trial) => {
      await trial.fill(trial.name(), 1);
      await trial.elapse(20);
      await trial.fill(trial.name(), 1, 1);
      await trial.elapse(20);
      await trial.fill(trial.name(), 1, 2);
      const events = await all(trial.store.readStream(trial.name()));
      const second = events[1]?.recordedAt ?? new Date(0);
      const streamPrefixes = [trial.name()];
      const numbersWith = async (filter: EventFilter): Promise<unknown[]> =>
        numbersOf(await all(trial.store.readAll({ filter: { ...filter, streamPrefixes } })));
      assert.deepEqual(await numbersWith({ recordedFrom: second }), [1, 2]);
      assert.deepEqual(await numbersWith({ recordedBefore: second }), [0]);
      assert.deepEqual(
        await numbersWith({ recordedFrom: second, recordedBefore: new Date(second.getTime() + 1) }),
        [1],
      );
    }),
    rule('a limit counts what matches', async (trial) => {
      await mixed(trial);
      const filter = { types: [trial.name('Paid')], streamPrefixes: [`${trial.prefix}-`] };
      assert.deepEqual(numbersOf(await all(trial.store.readAll({ filter, limit: 1 }))), [2]);
    }),
  ],
};
