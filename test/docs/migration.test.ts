import { expect, it, jest } from '@jest/globals';
import { memory, type Backend, type RecordedEvent } from '@tidemark/core';
import { cutOver, moveAll, rename } from './migration.js';

const everything = async ({ events }: Backend): Promise<readonly RecordedEvent[]> => {
  const found: RecordedEvent[] = [];
  for await (const batch of events.readAll()) found.push(...batch);
  return found;
};

const filled = async (): Promise<Backend> => {
  const backend = memory();
  await backend.events.append('bill-1', [
    { type: 'priced', data: { price: 1.5 } },
    { type: 'Heartbeat', data: {} },
  ]);
  return backend;
};

it('moves all, upcasting, and says how far it is', async () => {
  const log = jest.spyOn(console, 'log').mockReturnValue(undefined);
  const target = memory();
  expect((await moveAll(await filled(), target)).written).toBe(1);
  expect((await everything(target)).map(({ data }) => data)).toEqual([{ cents: 150 }]);
  expect(log).toHaveBeenCalledWith('copying', 100, expect.any(Number), 0);
  log.mockRestore();
});

it('cuts over with the writers held, and processors at the end of the log', async () => {
  const [source, target] = [await filled(), memory()];
  let writesTo = source;
  await cutOver(source, target, {
    hold: async () => {
      await source.events.append('bill-1', [{ type: 'priced', data: { price: 2 } }]);
    },
    startOn: async (backend) => {
      writesTo = backend;
    },
  });
  expect(writesTo).toBe(target);
  expect(await everything(target)).toHaveLength(3);
  expect((await target.checkpoints.load('letters'))?.position).toBe(3n);
});

it('renames within one store', async () => {
  const store = await filled();
  const migration = rename(store);
  await migration.caughtUp();
  await migration.finish();
  expect(
    (await everything(store)).map(({ stream, type, schemaVersion }) => [stream, type, schemaVersion]),
  ).toContainEqual(['account-1', 'account.priced', 1]);
});
