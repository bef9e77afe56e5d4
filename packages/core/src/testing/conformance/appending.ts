import assert from 'node:assert/strict';
import { InvalidArgumentError } from '../../log/errors.js';
import type { NewEvent } from '../../messages/event.js';
import { SerializationError } from '../../schema/errors.js';
import { refused } from './assertions.js';
import { rule, type Chapter } from './conformance.js';
import { all, numbered, numbersOf, type EventStoreTrial } from './event-store-trial.js';

const event: NewEvent = { type: 'Counted', data: { n: 0 } };

const refusesArgument = (what: string, attempt: (trial: EventStoreTrial) => Promise<unknown>) =>
  rule<EventStoreTrial>(`${what} is refused`, async (trial) => {
    await refused(InvalidArgumentError, () => attempt(trial));
    assert.equal(await trial.store.streamVersion(trial.name()), undefined);
  });

/** What an event is when it has been recorded, and what is refused. */
export const appending: Chapter<EventStoreTrial> = {
  name: 'appending',
  rules: [
    rule('an event comes back with everything it was appended with, and where it stands', async (trial) => {
      const stream = trial.name();
      const before = await trial.store.head();
      const result = await trial.store.append(stream, [
        {
          id: '0198c0de-aaaa-7bbb-8ccc-ddddeeeeffff',
          type: 'Ordered',
          schemaVersion: 3,
          data: { items: [{ sku: 'x', count: 2 }] },
          metadata: { correlationId: 'c', causationId: 'k', userId: 'u', depth: { level: 2 } },
        },
      ]);
      const [recorded] = await all(trial.store.readStream(stream));
      assert.ok(recorded);
      assert.ok(result.position > before);
      const { recordedAt, ...rest } = recorded;
      assert.deepEqual(rest, {
        id: '0198c0de-aaaa-7bbb-8ccc-ddddeeeeffff',
        stream,
        version: 0,
        position: result.position,
        type: 'Ordered',
        schemaVersion: 3,
        data: { items: [{ sku: 'x', count: 2 }] },
        metadata: { correlationId: 'c', causationId: 'k', userId: 'u', depth: { level: 2 } },
      });
      assert.ok(recordedAt instanceof Date && !Number.isNaN(recordedAt.getTime()));
    }),
    rule('what an append says that it has recorded is what a reader gets, anew each time', async (trial) => {
      const stream = trial.name();
      const data = { text: 'ä', list: [1] };
      const given = {
        id: '0198C0DE-AAAA-7BBB-8CCC-DDDDEEEEFFFF',
        type: 'Given',
        data,
        metadata: { userId: 'u' },
      };
      const results = await Promise.all([
        trial.store.append(stream, [given]),
        trial.store.append(trial.name('other'), [event]),
        trial.store.append(trial.name('several'), [event, event]),
      ]);
      for (const { stream: of, recorded } of results) {
        if (recorded === undefined) continue;
        assert.deepEqual(recorded(), await all(trial.store.readStream(of)));
        assert.notEqual(recorded()[0], recorded()[0]);
        assert.notEqual(recorded()[0]?.metadata, recorded()[0]?.metadata);
      }
    }),
    rule('what is left out has its default: schema version 1, empty metadata', async (trial) => {
      await trial.store.append(trial.name(), [event]);
      const [recorded] = await all(trial.store.readStream(trial.name()));
      assert.equal(recorded?.schemaVersion, 1);
      assert.deepEqual(recorded.metadata, {});
    }),
    rule(
      'an append of 1,500 events is one piece: versions without gaps, positions in order',
      async (trial) => {
        const result = await trial.store.append(trial.name(), numbered(1500));
        assert.equal(result.version, 1499);
        const events = await all(trial.store.readStream(trial.name()));
        assert.deepEqual(
          numbersOf(events),
          Array.from({ length: 1500 }, (_, n) => n),
        );
        assert.ok(
          events.every((each, index) => index === 0 || each.position > (events[index - 1]?.position ?? 0n)),
        );
        assert.equal(events.at(-1)?.position, result.position);
      },
    ),
    rule('what a caller or a reader changes afterwards changes nothing in the log', async (trial) => {
      const data = { list: [1] };
      const metadata = { tags: ['a'] };
      await trial.store.append(trial.name(), [{ type: 'Counted', data, metadata }]);
      data.list.push(2);
      metadata.tags.push('b');
      const [first] = await all(trial.store.readStream(trial.name()));
      assert.ok(first);
      (first.data as { list: number[] }).list.push(3);
      (first.metadata['tags'] as string[]).push('c');
      first.recordedAt.setTime(0);
      const [second] = await all(trial.store.readStream(trial.name()));
      assert.deepEqual(second?.data, { list: [1] });
      assert.deepEqual(second.metadata, { tags: ['a'] });
      assert.notEqual(second.recordedAt.getTime(), 0);
    }),
    rule('a stream can have the longest name, odd characters and all', async (trial) => {
      const stream = `${trial.prefix}-ä/%_\\"' 😀`.padEnd(500, 'x');
      await trial.store.append(stream, [event]);
      const filter = { streamPrefixes: [`${trial.prefix}-ä/%_\\"' 😀`] };
      assert.equal((await all(trial.store.readStream(stream))).length, 1);
      assert.equal((await all(trial.store.readAll({ filter })))[0]?.stream, stream);
    }),
    rule('names that object prototypes know are names like any other', async (trial) => {
      const stream = `${trial.prefix}-__proto__`;
      await trial.store.append(stream, [{ type: '__proto__', data: 1 }]);
      await trial.store.append(stream, [{ type: 'constructor', data: 2 }]);
      const events = await all(trial.store.readStream(stream));
      assert.deepEqual(
        events.map((each) => each.type),
        ['__proto__', 'constructor'],
      );
    }),
    rule(
      'one event that cannot be written keeps all of its append out, and is named by its path',
      async (trial) => {
        const error = await refused(SerializationError, () =>
          trial.store.append(trial.name(), [
            event,
            { type: 'Counted', data: { items: [{ price: 1n }] } },
            event,
          ]),
        );
        assert.match(error.path, /data\.items\[0\]\.price$/);
        assert.equal(await trial.store.streamVersion(trial.name()), undefined);
        const metadata = { when: Number.NaN };
        await refused(SerializationError, () => trial.store.append(trial.name(), [{ ...event, metadata }]));
        assert.equal(await trial.store.streamVersion(trial.name()), undefined);
      },
    ),
    refusesArgument('an append of nothing', (trial) => trial.store.append(trial.name(), [])),
    refusesArgument('an empty stream name', (trial) => trial.store.append('', [event])),
    refusesArgument('a stream name of 501 characters', (trial) =>
      trial.store.append('x'.repeat(501), [event]),
    ),
    refusesArgument('a stream name that starts with $', (trial) => trial.store.append('$all', [event])),
    refusesArgument('a stream name with a NUL character', (trial) =>
      trial.store.append(`${trial.name()}\0`, [event]),
    ),
    refusesArgument('a stream name with a lone surrogate', (trial) =>
      trial.store.append(`${trial.name()}\uD800`, [event]),
    ),
    refusesArgument('an empty type', (trial) => trial.store.append(trial.name(), [{ ...event, type: '' }])),
    refusesArgument('a type of 201 characters', (trial) =>
      trial.store.append(trial.name(), [{ ...event, type: 'x'.repeat(201) }]),
    ),
    refusesArgument('an id that is no UUID', (trial) =>
      trial.store.append(trial.name(), [event, { ...event, id: 'order-1' }]),
    ),
    refusesArgument('a schema version of 0', (trial) =>
      trial.store.append(trial.name(), [{ ...event, schemaVersion: 0 }]),
    ),
    refusesArgument('a schema version with a fraction', (trial) =>
      trial.store.append(trial.name(), [{ ...event, schemaVersion: 1.5 }]),
    ),
    refusesArgument('an expected version below -1', (trial) =>
      trial.store.append(trial.name(), [event], { expectedVersion: -2 }),
    ),
    refusesArgument('an expected version with a fraction', (trial) =>
      trial.store.append(trial.name(), [event], { expectedVersion: 0.5 }),
    ),
    refusesArgument('an id that is no UUID, when an event is looked for,', (trial) =>
      trial.store.findEvent(trial.name(), 'order-1'),
    ),
  ],
};
