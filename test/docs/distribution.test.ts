import { setTimeout as wait } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it, jest } from '@jest/globals';
import { postgres } from '@tidemark/adapters/postgres';
import { createApp, type Application } from '@tidemark/core';
import { Container } from 'inversify';
import { startPostgres, type TestServer } from '../support/postgres-server.js';
import { grow, Ledger, LedgerEntries, look } from './distribution.js';
import { AssignTask } from './first-app/messages.js';
import { Task } from './first-app/task.js';

interface Entry {
  readonly id: string;
  readonly text: string;
  readonly token: number;
}

class Book extends Ledger {
  readonly entries: Entry[] = [];

  async write(entry: Entry): Promise<void> {
    this.entries.push(entry);
  }
}

let server: TestServer;
beforeAll(async () => {
  server = await startPostgres();
}, 120_000);
afterAll(() => server.close());

const until = async (what: string, condition: () => boolean): Promise<void> => {
  for (const end = performance.now() + 30_000; !condition(); await wait(10)) {
    if (performance.now() > end) throw new Error(`Not within 30 s: ${what}.`);
  }
};
const segmentsOf = (app: Application): readonly string[] =>
  app.processors.get('ledger')?.status().segments ?? [];

it('shares the work of a processor among nodes, and divides it anew while they run', async () => {
  const said = jest.spyOn(console, 'log').mockReturnValue();
  const book = new Book();
  const schema = server.schema();
  const [first, second] = ['one', 'two'].map((name) => {
    const container = new Container();
    container.bind(Ledger).toConstantValue(book);
    const backend = postgres({ connectionString: server.connectionString, schema });
    return createApp({
      container,
      backend,
      register: [Task, LedgerEntries],
      node: { name, version: '1.4.0' },
      leaseMs: 2_000,
    });
  });
  if (first === undefined || second === undefined) throw new Error('There are two.');
  try {
    await first.start();
    await second.start();
    await until('four segments each', () => [first, second].every((app) => segmentsOf(app).length === 4));
    await look(first);
    expect(said.mock.calls.slice(0, 2)).toEqual([
      ['one', '1.4.0', ['ledger']],
      ['two', '1.4.0', ['ledger']],
    ]);
    for (let n = 0; n < 12; n++) {
      const result = await first.send(new AssignTask(`t${n}`, 'ada', `count ${n}`));
      await second.waitFor(result);
    }
    expect(new Set(book.entries.map(({ text }) => text)).size).toBe(12);
    expect(Math.min(...book.entries.map(({ token }) => token))).toBeGreaterThan(0);
    await grow(second);
    await until('sixteen segments each', () => [first, second].every((app) => segmentsOf(app).length === 16));
  } finally {
    await first.stop();
    await second.stop();
  }
}, 100_000);
