import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { RecordedEvent } from '../../messages/event.js';
import type { Backend } from '../backend.js';
import { TransactionError } from '../transaction.js';
import { memory } from './memory.js';

const within = <Result>(backend: Backend, work: () => Promise<Result>): Promise<Result> =>
  backend.transaction(() => work());

const noted = (data: unknown) => ({ type: 'Noted', data });

describe('memory', () => {
  it('gives positions from 1, without gaps, also after a transaction that was rolled back', async () => {
    const { events, transaction } = bound(memory());
    expect((await events.append('a', [noted(1), noted(2)])).position).toBe(2n);
    await expect(
      transaction(async (tx) => {
        await tx.append([{ stream: 'a', events: [noted(3)] }]);
        throw new Error('no');
      }),
    ).rejects.toThrow('no');
    expect((await events.append('a', [noted(4)])).position).toBe(3n);
    expect(await events.head()).toBe(3n);
  });

  it('holds what it held when it is closed and opened again', async () => {
    const backend = memory();
    await backend.open();
    await backend.events.append('a', [noted(1)]);
    await backend.checkpoints.move({ processor: 'p', segment: 0, previous: undefined, position: 1n });
    await backend.close();
    await expect(backend.events.head()).rejects.toThrow('The memory backend is closed');
    await backend.open();
    expect(await backend.events.streamVersion('a')).toBe(0);
    expect((await backend.checkpoints.load('p'))?.position).toBe(1n);
  });

  it.each<[string, (backend: Backend) => Promise<unknown>]>([
    ['an append', (backend) => backend.events.append('a', [noted(1)])],
    ['a document', (backend) => backend.documents.ensure({ name: 'c', indexes: [] })],
    ['a checkpoint', (backend) => backend.checkpoints.reset('p')],
    ['another transaction', (backend) => backend.transaction(async () => 1)],
  ])(
    'refuses %s through its own ports inside of a transaction, instead of waiting for ever',
    async (_, attempt) => {
      const backend = memory();
      const error = await within(backend, async () => attempt(backend)).catch((reason: unknown) => reason);
      expect(error).toBeInstanceOf(TransactionError);
      expect(await backend.events.head()).toBe(0n);
      await attempt(backend);
    },
  );

  it('lets what a transaction started write when it is over', async () => {
    const backend = memory();
    let go: (() => void) | undefined;
    const begun = new Promise<void>((resolve) => {
      go = resolve;
    });
    const { later } = await within(backend, async () => ({
      later: begun.then(() => backend.events.append('a', [noted(1)])),
    }));
    const blocking = within(backend, async () => go?.());
    expect((await later).version).toBe(0);
    await blocking;
  });

  it('lets writers wait for a transaction, in the order in which they came, and readers not', async () => {
    const backend = memory();
    const order: string[] = [];
    let finish: (() => void) | undefined;
    const finished = new Promise<void>((resolve) => {
      finish = resolve;
    });
    const transaction = backend.transaction(async (tx) => {
      await tx.append([{ stream: 'a', events: [noted('tx')] }]);
      await finished;
      order.push('transaction');
    });
    const writes = ['first', 'second'].map((name) =>
      backend.events.append('a', [noted(name)]).then(() => order.push(name)),
    );
    expect(await backend.events.head()).toBe(0n);
    finish?.();
    await Promise.all([transaction, ...writes]);
    expect(order).toEqual(['transaction', 'first', 'second']);
    expect(await backend.events.head()).toBe(3n);
  });

  it('refuses a commit when it was closed meanwhile', async () => {
    const backend = memory();
    const attempt = backend.transaction(async (tx) => {
      await tx.append([{ stream: 'a', events: [noted(1)] }]);
      await backend.close();
    });
    await expect(attempt).rejects.toThrow('The memory backend is closed');
    await backend.open();
    expect(await backend.events.head()).toBe(0n);
  });

  it('keeps subscribers exact through any mixture of appends, commits and rollbacks', async () => {
    const steps = fc.array(
      fc.record({
        kind: fc.constantFrom('append', 'commit', 'roll back'),
        count: fc.integer({ min: 1, max: 4 }),
        type: fc.constantFrom('A', 'B'),
      }),
      { maxLength: 20 },
    );
    await fc.assert(
      fc.asyncProperty(
        steps,
        fc.integer({ min: 1, max: 4 }),
        fc.boolean(),
        async (list, batchSize, filtered) => {
          const backend = memory();
          const filter = filtered ? { types: ['A'] } : undefined;
          const subscription = backend.events.subscribe({ batchSize, filter });
          const delivered: RecordedEvent[] = [];
          let position = 0n;
          let goal = -1n;
          const following = (async () => {
            for await (const batch of subscription) {
              expect(batch.position).toBeGreaterThanOrEqual(position);
              position = batch.position;
              delivered.push(...batch.events);
              if (position === goal) break;
            }
          })();
          const expected: unknown[] = [];
          for (const [step, { kind, count, type }] of list.entries()) {
            const events = Array.from({ length: count }, (_, n) => ({ type, data: `${step}.${n}` }));
            const appends = [{ stream: 's', events }];
            if (kind === 'append') await backend.events.appendAll(appends);
            else if (kind === 'commit') await backend.transaction((tx) => tx.append(appends));
            else {
              await backend
                .transaction(async (tx) => {
                  await tx.append(appends);
                  throw new Error('roll back');
                })
                .catch(() => undefined);
            }
            if (kind !== 'roll back' && (!filtered || type === 'A')) {
              expected.push(...events.map(({ data }) => data));
            }
          }
          // One more, so that the follower surely sees the goal.
          goal = (await backend.events.head()) + 1n;
          await backend.events.append('s', [{ type: 'A', data: 'last' }]);
          await following;
          expect(delivered.map(({ data }) => data)).toEqual([...expected, 'last']);
        },
      ),
    );
  });

  it('steps through a long stretch in which nothing matches, a bounded piece at a time', async () => {
    const { events } = memory();
    await events.append(
      's',
      Array.from({ length: 25_000 }, (_, n) => noted(n)),
    );
    const positions: bigint[] = [];
    for await (const batch of events.subscribe({ filter: { types: ['Never'] } })) {
      positions.push(batch.position);
      if (batch.caughtUp) break;
    }
    expect(positions).toEqual([10_000n, 20_000n, 25_000n]);
  });
});

/** The parts of a backend as functions, to be taken apart. */
const bound = (backend: Backend): Pick<Backend, 'events' | 'transaction'> => ({
  events: backend.events,
  transaction: (work) => backend.transaction(work),
});
