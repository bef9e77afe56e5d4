import { beforeEach, expect, it, jest } from '@jest/globals';
import { pglite } from '@tidemark/adapters/pglite';
import { createApp } from '@tidemark/core';
import { testApp } from '@tidemark/core/testing';
import { Projections } from '@tidemark/projections';
import { AssignTask, FinishTask } from './first-app/messages.js';
import { Task } from './first-app/task.js';
import {
  Card,
  CardJourneys,
  Columns,
  columns,
  finishedTasks,
  MoveCard,
  Whereabouts,
  TaskTimes,
} from './projections.js';

beforeEach(() => void jest.spyOn(console, 'log').mockReturnValue());

it('answers queries on documents and builds them anew', async () => {
  await using world = await testApp({ register: [Card, Columns, columns] });
  const { app } = world;
  await app.send(new MoveCard('c1', 'todo', 'doing'));
  const moved = new MoveCard('c2', 'todo', 'done');
  // #region queries
  const projections = app.get(Projections);
  const result = await app.send(moved);
  await projections.waitFor(result); // Read your own writes.

  const model = projections.of(Columns); // Typed: its documents are of type Column.
  await model.get('done');
  await model.getMany(['todo', 'done']);
  const page = await model.find({
    where: { cards: { gte: 1 } },
    orderBy: 'cards',
    descending: true,
    limit: 20,
  });
  for (const { key, document } of page.documents) console.log(key, document.cards);
  const nextPage =
    page.next === undefined ? undefined : await model.find({ orderBy: 'cards', after: page.next });
  await model.count({ cards: 0 });
  // #endregion queries
  expect(nextPage).toBeUndefined();
  expect(page.documents.map(({ document }) => document)).toEqual([
    { name: 'done', cards: 1 },
    { name: 'doing', cards: 1 },
  ]);
  expect(await projections.of(columns).get('todo')).toEqual({ name: 'todo', cards: -2 });
  // #region rebuild
  const controller = new AbortController(); // `abort()` stops the rebuild; called again, it goes on there.
  await projections.rebuild(Columns, {
    signal: controller.signal,
    onProgress: ({ fraction, ratePerSecond, etaMs }) => console.log(fraction, ratePerSecond, etaMs),
  });
  // #endregion rebuild
  expect(projections.status(Columns)).toMatchObject({ active: { number: 2 }, building: undefined });
  expect(await model.get('done')).toEqual({ name: 'done', cards: 1 });
});

it('shows inline documents at once, and folds live ones when it is asked', async () => {
  await using world = await testApp({ register: [Card, Whereabouts, CardJourneys] });
  const { app } = world;
  const projections = app.get(Projections);
  // #region inline-query
  await app.send(new MoveCard('c1', 'todo', 'doing'));
  await projections.of(Whereabouts).get('c1'); // { column: 'doing' }, without waiting.
  // #endregion inline-query
  expect(await projections.of(Whereabouts).get('c1')).toEqual({ column: 'doing' });
  const moved = await app.send(new MoveCard('c1', 'doing', 'done'));
  await app.send(new MoveCard('c1', 'done', 'doing'));
  // #region live-query
  const journeys = projections.live(CardJourneys);
  const now = await journeys.get('c1');
  const before = await journeys.get('c1', { asOf: { position: moved.position } }); // Or { version: 1 }.
  const bounded = await journeys.get('c1', { limit: 1_000, signal: AbortSignal.timeout(5_000) });
  // #endregion live-query
  expect(now).toEqual({ columns: ['todo', 'doing', 'done', 'doing'] });
  expect(before).toEqual({ columns: ['todo', 'doing', 'done'] });
  expect(bounded).toEqual(now);
});

it('keeps tables of SQL', async () => {
  const app = createApp({ backend: pglite(), register: [Task, TaskTimes, finishedTasks] });
  await app.start();
  const projections = app.get(Projections);
  await app.send(new AssignTask('t1', 'ada', 'count the waves'));
  await projections.waitFor(await app.send(new FinishTask('t1', '7')));
  // #region sql
  const { rows } = await projections.query<{ agent: string; count: number }>(
    'SELECT agent, count FROM finished_tasks WHERE count >= $1',
    [1],
  );
  // #endregion sql
  expect(rows).toEqual([{ agent: 'ada', count: 1 }]);
  const times = await projections.query('SELECT task FROM task_times WHERE ended >= began');
  expect(times.rows).toEqual([{ task: 't1' }]);
  await app.stop();
});
