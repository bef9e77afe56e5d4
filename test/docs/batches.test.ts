import { expect, it } from '@jest/globals';
import { createApp, memory, type ProcessorDefinition } from '@tidemark/core';
import { Container } from 'inversify';
import { embeddings, Search, SearchIndex } from './batches.js';

class Entries extends SearchIndex {
  readonly calls: (readonly string[])[] = [];

  async put(entries: readonly { readonly id: string; readonly text: string }[]): Promise<void> {
    this.calls.push(entries.map(({ text }) => text));
    if (entries.some(({ id }) => id === '')) throw new Error('An entry has no id.');
    if (entries.length > 1 && entries.some(({ text }) => text === 'too long')) throw new Error('Too long.');
  }
}

it('takes many events in one call, and each by itself when that fails', async () => {
  const backend = memory();
  const entries = new Entries();
  const container = new Container();
  container.bind(SearchIndex).toConstantValue(entries);
  const embedded: (readonly string[])[] = [];
  const definition: ProcessorDefinition = {
    kind: 'processor',
    name: 'embeddings',
    definedAt: 'test/docs/batches.test.ts',
    messages: [],
    delivery: embeddings(async (texts) => void embedded.push(texts)),
  };
  await using app = createApp({ backend, container, register: [Search, definition] });
  const finished = (result: string, agentId: string) => ({
    type: 'task.finished',
    data: { taskId: 't', agent: agentId, result },
    metadata: { agentId },
  });
  await backend.events.append('task-1', [finished('one', 'ada'), finished('two', 'bob')]);
  await backend.events.append('task-2', [finished('three', 'ada')]);
  await app.start();
  await app.waitFor(3n);
  expect(entries.calls).toEqual([['one', 'two', 'three']]);
  expect(embedded).toHaveLength(2);
  expect(embedded.flat()).toHaveLength(3);

  const { position } = await backend.events.append('task-3', [
    finished('four', 'ada'),
    finished('too long', 'ada'),
    finished('six', 'ada'),
  ]);
  await app.waitFor(position);
  expect(entries.calls.slice(1)).toEqual([['four', 'too long', 'six'], ['four'], ['too long'], ['six']]);
});
