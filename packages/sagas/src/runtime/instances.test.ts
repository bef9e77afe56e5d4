import { describe, expect, it } from '@jest/globals';
import { StoreUnavailableError, memory, newId, type EventStore, type RecordedEvent } from '@tidemark/core';
import { saga } from '../model/saga.js';
import type { SagaInput } from '../model/transition.js';
import { Instances } from './instances.js';

const { behaviour } = saga({ name: 'count', state: () => ({ total: 0 }) })
  .starts('begun', { key: () => 'k' }, () => {})
  .on('added', (state) => {
    state.total += 1;
  })
  .on('asked', (_, __, context) => context.requestApproval('go on', { question: 'Go on?' }))
  .onApproval('go on', () => {})
  .build();

const input = (
  type: string,
): { readonly input: SagaInput; readonly source: Parameters<Instances['take']>[3] } => {
  const id = newId();
  const event: RecordedEvent = {
    id,
    stream: 'other',
    version: 0,
    position: 1n,
    type,
    schemaVersion: 1,
    data: {},
    metadata: {},
    recordedAt: new Date(0),
  };
  return {
    input: { kind: 'event', event, start: type === 'begun' },
    source: { id, at: new Date(0), metadata: {} },
  };
};

const open = async (): Promise<EventStore> => {
  const backend = memory();
  await backend.open();
  return backend.events;
};

const totalOf = (instances: Instances, key = 'k'): Promise<unknown> =>
  instances.look(behaviour, key, 0, ({ fields }) => Number(fields.get('total')));

const give = async (instances: Instances, type: string, key = 'k') => {
  const { input: given, source } = input(type);
  return instances.take(behaviour, key, given, source);
};

describe('Instances', () => {
  it('decide anew on what another process wrote: no input is lost or counted twice', async () => {
    const store = await open();
    const [one, other] = [new Instances(store), new Instances(store)];
    await give(one, 'begun');
    for (let round = 0; round < 10; round++) {
      await Promise.all([give(one, 'added'), give(other, 'added'), give(one, 'added')]);
    }
    expect(await totalOf(new Instances(store))).toBe(30);
  });

  it('do not believe "nothing to do" of an instance that others have gone on with', async () => {
    const store = await open();
    const [one, other] = [new Instances(store), new Instances(store)];
    await give(one, 'begun');
    await give(other, 'asked');
    // As far as `one` remembers, no approval is pending.
    const decision = { approval: 'go on', outcome: 'approved', by: 'ann' } as const;
    const decide = (instances: Instances) =>
      instances.take(
        behaviour,
        'k',
        { kind: 'approval-due', decision, requestId: undefined },
        input('x').source,
      );
    expect((await decide(one)).events).toMatchObject([{ kind: 'approval-decided' }]);
    expect((await decide(other)).events).toEqual([]);
  });

  it('take an input once, whoever is given it', async () => {
    const store = await open();
    const [one, other] = [new Instances(store), new Instances(store)];
    await give(one, 'begun');
    const added = input('added');
    expect((await other.take(behaviour, 'k', added.input, added.source)).events).toHaveLength(1);
    expect((await one.take(behaviour, 'k', added.input, added.source)).events).toEqual([]);
    expect((await other.take(behaviour, 'k', added.input, added.source)).events).toEqual([]);
    expect((await give(one, 'unheard')).events).toEqual([]);
    expect(await totalOf(one)).toBe(1);
  });

  it('let one of two people decide, who ask different processes at once', async () => {
    const store = await open();
    const [one, other] = [new Instances(store), new Instances(store)];
    await give(one, 'begun');
    await give(one, 'asked');
    await other.look(behaviour, 'k', 2, () => {});
    const source = input('x').source;
    const decide = (instances: Instances, outcome: 'approved' | 'rejected') =>
      instances.take(
        behaviour,
        'k',
        { kind: 'approval-due', decision: { approval: 'go on', outcome }, requestId: undefined },
        source,
      );
    expect((await decide(one, 'approved')).events).toMatchObject([{ data: { outcome: 'approved' } }]);
    expect((await decide(other, 'rejected')).events).toEqual([]);
  });

  it('forget the least recently used beyond their bound, and read them again', async () => {
    const store = await open();
    const instances = new Instances(store, 2);
    for (const key of ['a', 'b', 'c']) await give(instances, 'begun', key);
    for (const key of ['a', 'b', 'c', 'a']) await give(instances, 'added', key);
    expect(await Promise.all(['a', 'b', 'c'].map((key) => totalOf(instances, key)))).toEqual([2, 1, 1]);
  });

  it('read the instance again after an append whose answer was lost', async () => {
    const store = await open();
    let lost = false;
    const lossy: EventStore = Object.create(store, {
      append: {
        value: async (...parameters: Parameters<EventStore['append']>) => {
          const result = await store.append(...parameters);
          if (!lost) return result;
          lost = false;
          throw new StoreUnavailableError('no answer');
        },
      },
      readStream: {
        value: (...parameters: Parameters<EventStore['readStream']>) => store.readStream(...parameters),
      },
    }) as EventStore;
    const instances = new Instances(lossy);
    await give(instances, 'begun');
    const added = input('added');
    lost = true;
    await expect(instances.take(behaviour, 'k', added.input, added.source)).rejects.toThrow('no answer');
    expect((await instances.take(behaviour, 'k', added.input, added.source)).events).toEqual([]);
    expect(await totalOf(instances)).toBe(1);
  });

  it('refuse a stream in which others wrote', async () => {
    const store = await open();
    await store.append('saga:count-k', [{ type: 'foreign', data: {} }]);
    await expect(give(new Instances(store), 'begun')).rejects.toThrow('which no saga wrote');
  });
});
