import { expect, it } from '@jest/globals';
import { Correlations, type Backend } from '@tidemark/core';
import { testApp } from '@tidemark/core/testing';
import { busyAgents, dataOf, ProvenClaims, Tides, unsourcedClaims, windows } from './correlation.js';

const dataIn = async (backend: Backend, stream: string): Promise<readonly unknown[]> => {
  const data: unknown[] = [];
  for await (const batch of backend.events.readStream(stream)) data.push(...batch.map(dataOf));
  return data;
};

it('notices what does not come, and can be looked at', async () => {
  const claim = (name: string) => ({ type: 'claim.made', data: { claim: name, agent: 'ada' } });
  // #region absence
  await using world = await testApp({ register: [unsourcedClaims] });
  const { app, backend, clock } = world;
  await backend.events.append('claims', [claim('c1'), claim('c2')]);
  await app.waitFor(await backend.events.head());
  await clock.advance(3_000);
  await backend.events.append('sources', [{ type: 'source.found', data: { claim: 'c2', confidence: 1 } }]);
  await app.waitFor(await backend.events.head());
  await clock.advance(3_000);
  await app.waitFor(await backend.events.head());
  // `correlation:unsourced-claims-c1` has a "claim.unsourced" now.
  // #endregion absence
  // #region status
  const status = await app.get(Correlations).status('unsourced-claims');
  // watermark, openKeys, nextDue, taken, late, dropped, completed, emitted
  // #endregion status
  expect(status).toMatchObject({ openKeys: 0, taken: 3, late: 0, completed: 1, emitted: 1 });
  const derived = await dataIn(backend, 'correlation:unsourced-claims-c1');
  expect(derived).toEqual([{ claim: 'c1' }]);
});

it('finds sequences whose events have to do with each other', async () => {
  await using world = await testApp({ register: [ProvenClaims] });
  const { app, backend } = world;
  for (const [type, confidence] of [
    ['claim.made', 0],
    ['source.found', 0.3],
    ['source.found', 0.6],
    ['source.found', 0.5],
    ['source.found', 0.7],
  ] as const) {
    await backend.events.append('claims', [{ type, data: { claim: 'c1', agent: 'ada', confidence } }]);
  }
  await app.waitFor(await backend.events.head());
  expect(await dataIn(backend, 'correlation:proven-claims-c1')).toEqual([{ claim: 'c1', afterMs: 0 }]);
});

it('draws windows as the picture shows, by the times that the events tell', async () => {
  await using world = await testApp({ register: [Tides, busyAgents] });
  const { app, backend } = world;
  // The clock of the test stands at 2026-01-01T00:00; the readings are of the day before.
  const readings = ['12:00:12', '12:00:48', '12:01:04', '12:00:41', '12:01:18', '12:00:52', '12:01:44'];
  await backend.events.append(
    'readings',
    readings.map((time, index) => ({
      type: 'reading.taken',
      data: { sensor: 'pier', level: index, takenAt: `2025-12-31T${time}Z` },
    })),
  );
  await app.waitFor(await backend.events.head());
  expect(await dataIn(backend, 'correlation:tides-pier')).toEqual([
    { sensor: 'pier', highest: 3, readings: 3 },
    { sensor: 'pier', takenAt: '2025-12-31T12:00:52Z' },
  ]);
});

it('folds by hand', async () => {
  expect(windows).toHaveLength(4);
  await using world = await testApp({ register: [busyAgents] });
  const { app, backend, clock } = world;
  const claims = ['c1', 'c2', 'c3'].map((claim) => ({ type: 'claim.made', data: { claim, agent: 'ada' } }));
  await backend.events.append('claims', claims);
  await app.waitFor(await backend.events.head());
  await clock.advance(62_000);
  await app.waitFor(await backend.events.head());
  expect(await dataIn(backend, 'busy-agents')).toEqual(
    Array.from({ length: 6 }, () => ({ agent: 'ada', claims: ['c1', 'c2', 'c3'] })),
  );
});
