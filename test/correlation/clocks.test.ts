import { setTimeout as wait } from 'node:timers/promises';
import { expect, it } from '@jest/globals';
import { eventStoreDb } from '@tidemark/adapters/eventstoredb';
import {
  createApp,
  memory,
  pattern,
  patternCorrelation,
  systemClock,
  type Clock,
  type RecordedEvent,
} from '@tidemark/core';
import { startEventStoreDb } from '../support/eventstoredb/start.js';

const withinMs = 700;
const silence = patternCorrelation({
  name: 'silence',
  key: 'key',
  pattern: pattern('said').notFollowedBy('answered').within(withinMs),
  emit: ({ key }) => ({ type: 'silent', data: key }),
});

/** The machine's clock, so much ahead. */
const aheadBy = (milliseconds: number): Clock => ({
  now: () => new Date(systemClock.now().getTime() + milliseconds),
  after: (delay, callback, options) => systemClock.after(delay, callback, options),
});

it.each([3_000, -1_500])(
  'concludes an absence by the clock of the log, though that of the timers is %d ms ahead',
  async (ahead) => {
    const server = await startEventStoreDb();
    const state = memory({ clock: aheadBy(ahead) });
    const backend = eventStoreDb({ connectionString: server.connectionString, state });
    const app = createApp({ backend, register: [silence] });
    await app.start();
    await backend.events.append('saying', [{ type: 'said', data: { key: 'k' } }]);
    const log: RecordedEvent[] = [];
    const subscription = backend.events.subscribe();
    for await (const batch of subscription) {
      log.push(...batch.events);
      if (log.some(({ type }) => type === 'silent')) break;
    }
    await wait(200);
    await app.stop();
    await server.close();
    const [said, silent] = ['said', 'silent'].map((wanted) => log.filter(({ type }) => type === wanted));
    expect([said?.length, silent?.length]).toEqual([1, 1]);
    const passed = (silent?.[0]?.recordedAt.getTime() ?? 0) - (said?.[0]?.recordedAt.getTime() ?? 0);
    expect(passed).toBeGreaterThanOrEqual(withinMs);
    // The first tick, which came too early, and the one that it set a timer for; perhaps one more, by a hair.
    expect(log.filter(({ type }) => type.endsWith(':time')).length).toBeLessThanOrEqual(4);
  },
);
