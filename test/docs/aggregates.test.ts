import { beforeEach, expect, it, jest } from '@jest/globals';
import { newId, ValidationError, withMetadata } from '@tidemark/core';
import { testApp, upcasting } from '@tidemark/core/testing';
import {
  Basket,
  Counters,
  counter,
  FillBasket,
  IncreaseAll,
  Line,
  PersonMoved,
  PersonRegistered,
  upcasters,
} from './aggregates.js';

beforeEach(() => void jest.spyOn(console, 'log').mockReturnValue());

it('lists every violated constraint with its path', async () => {
  await using world = await testApp({ register: [Basket] });
  const { app } = world;
  // #region violations
  const mistaken = { type: 'basket.fill', data: { basketId: 'b1', lines: [{ item: '', count: 0 }] } };
  const error = await app.send(mistaken).catch((thrown: unknown) => thrown);
  if (error instanceof ValidationError) {
    for (const { path, constraints } of error.violations) console.log(path, Object.keys(constraints));
    // lines[0].item [ 'isNotEmpty' ]
    // lines[0].count [ 'min' ]
  }
  // #endregion violations
  expect(error).toMatchObject({
    violations: [
      { path: 'lines[0].item' },
      { path: 'lines[0].count', constraints: { min: expect.any(String) } },
    ],
  });
});

it('answers a repeated command as the first time', async () => {
  await using world = await testApp({ register: [counter] });
  const { app } = world;
  // #region repeat
  const id = newId(); // Keep it until the answer has come.
  const command = { type: 'counter.increase', data: { counterId: 'c1', by: 5 } };
  const first = await app.send(command, { id });
  const again = await app.send(command, { id }); // Nothing is appended; the answer is the first one.
  // #endregion repeat
  expect(again).toEqual({ ...first, alreadyHandled: true });
  expect((await app.load(counter, 'c1')).state).toEqual({ total: 5 });
});

it('carries who acts from a command to its events', async () => {
  await using world = await testApp({ register: [Basket] });
  const { app } = world;
  // #region metadata
  const result = await withMetadata({ userId: 'ada' }, () =>
    app.send(new FillBasket('b1', [new Line('milk', 2)])),
  );
  console.log(result.events[0]?.metadata.userId); // ada
  // #endregion metadata
  expect(result.events[0]?.data).toMatchObject({ basketId: 'b1', item: 'milk', by: 'ada' });
});

it('handles commands across aggregates', async () => {
  await using world = await testApp({ register: [counter, Counters] });
  expect((await world.app.send(new IncreaseAll(['a', 'b'], 60))).value).toBe(2);
  await expect(world.app.send(new IncreaseAll(['a'], 60))).rejects.toThrow('would pass 100');
});

it('brings old events to their newest version', () => {
  // #region upcasting
  upcasting([PersonRegistered])
    .given({
      type: 'person.registered',
      schemaVersion: 1,
      data: { personId: 'p1', fullName: 'Ada Lovelace' },
    })
    .thenEvents(new PersonRegistered('p1', { first: 'Ada', last: 'Lovelace' }, 'unknown'));
  // #endregion upcasting
  upcasting([PersonRegistered, PersonMoved, ...upcasters])
    .given(
      {
        type: 'person.registered-with-city',
        schemaVersion: 1,
        data: { personId: 'p1', fullName: 'Ada Lovelace', city: 'London' },
      },
      { type: 'person.poked', schemaVersion: 1, data: {} },
    )
    .thenEvents(
      new PersonRegistered('p1', { first: 'Ada', last: 'Lovelace' }, 'unknown'),
      new PersonMoved('p1', 'London'),
    );
});
