import { beforeEach, expect, it, jest } from '@jest/globals';
import { testApp } from '@tidemark/core/testing';
import { Sagas } from '@tidemark/sagas';
import { balloonTrip, tripByHand } from './sagas-by-hand.js';
import { PayTrip, RequestTrip, Seat, Trip, TripSaga } from './sagas.js';

beforeEach(() => void jest.spyOn(console, 'log').mockReturnValue());

it('asks a person, reminds, and completes', async () => {
  await using world = await testApp({ register: [Trip, Seat, TripSaga, tripByHand] });
  const { app, clock } = world;
  // #region looking
  const sagas = app.get(Sagas);
  await app.send(new RequestTrip('t1', 250));
  await sagas.waitFor('trip', 't1', { status: 'waiting' }); // Default: until it has ended or needs a person.

  const view = await sagas.get('trip', 't1'); // Status, state, steps, timers, approvals; read from its stream.
  const { instances } = await sagas.list({ saga: 'trip', status: ['waiting', 'needs-person'] });
  // #endregion looking
  expect(view).toMatchObject({
    status: 'waiting',
    state: { price: 250 },
    approvals: [{ name: 'price', question: 'May the trip cost 250?' }],
  });
  expect(instances.every(({ key }) => key === 't1')).toBe(true);
  // #region approve
  await sagas.approve('trip', 't1', 'price', { by: 'ada', comment: 'she deserves it' });
  // #endregion approve
  while ((await sagas.get('trip', 't1'))?.timers.length !== 1) await clock.advance(0);
  await clock.advance(5 * 3_600_000);
  await app.send(new PayTrip('t1'));
  // #region story
  const { result } = await sagas.waitFor('trip', 't1');
  for (const { at, what } of await sagas.story('trip', 't1')) console.log(at.toISOString(), what);
  // #endregion story
  expect(result).toEqual({ reminders: 2 });
  expect(await sagas.waitFor('short-trip', 't1')).toMatchObject({ status: 'completed' });
});

it('undoes what was done when a step fails', async () => {
  await using world = await testApp({ register: [Trip, Seat, balloonTrip] });
  const { app } = world;
  const sagas = app.get(Sagas);
  await app.send(new RequestTrip('t1', 0));
  const { status, reason } = await sagas.waitFor('balloon-trip', 't1');
  expect({ status, reason }).toEqual({
    status: 'compensated',
    reason: expect.stringContaining('No balloon goes today.'),
  });
  expect((await app.load(Seat, 't1-coach')).state).toEqual({ isBooked: false });
  const story = (await sagas.story('balloon-trip', 't1')).map(({ what }) => what);
  expect(story).toContain('step book/coach undone');
  expect(story.at(-1)).toBe('compensated');
});
