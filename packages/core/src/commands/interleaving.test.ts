import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { createApp } from '../app/create-app.js';
import { memory } from '../backend/memory/memory.js';
import { newId } from '../messages/ids.js';
import type { RecordedEvent } from '../messages/event.js';
import { decider } from '../model/decider.js';

type Book = { type: 'book'; data: { room: string; seats: number; pauses: number } };
type Booked = { type: 'booked'; data: { seats: number; before: number } };

class Full extends Error {}
const capacity = 12;

const room = (every: number) =>
  decider({
    name: 'room',
    commands: ['book'],
    initialState: () => ({ taken: 0 }),
    async decide({ data }: Book, state): Promise<Booked[]> {
      for (let pause = 0; pause < data.pauses; pause += 1) await Promise.resolve();
      if (state.taken + data.seats > capacity) throw new Full();
      // One event a seat: commands of several events, and of none.
      return Array.from({ length: data.seats }, (_, index) => ({
        type: 'booked',
        data: { seats: 1, before: state.taken + index },
      }));
    },
    evolve(state, { data }: Booked) {
      state.taken += data.seats;
      return state;
    },
    target: ({ data }) => data.room,
    snapshots: { every },
  });

const plan = fc.array(
  fc.record({
    application: fc.nat(1),
    room: fc.constantFrom('1', '2'),
    seats: fc.nat(3),
    pauses: fc.nat(5),
    /** Which of a few ids it is sent with; `undefined` for a fresh one. */
    id: fc.option(fc.nat(3), { nil: undefined }),
    /** Whether to wait for all before it. */
    wait: fc.boolean(),
  }),
  { maxLength: 25 },
);

type Plan = typeof plan extends fc.Arbitrary<infer Value> ? Value : never;

/** Carries a plan out with two applications on one store. Says what each command came to, and what the streams hold. */
const carryOut = async (steps: Plan, cachedAggregates: number, oneByOne: boolean) => {
  const backend = memory();
  const ids = [newId(), newId(), newId(), newId()];
  const applications = [1, 2].map(() =>
    createApp({ backend, register: [room(3)], cachedAggregates, commandAttempts: 100 }),
  );
  for (const application of applications) await application.start();
  const outcomes: Promise<{ version?: number | undefined; seats: number; again: boolean } | 'full'>[] = [];
  for (const { application, room: target, seats, pauses, id, wait } of steps) {
    if (wait || oneByOne) await Promise.all(outcomes);
    const app = applications[application];
    if (app === undefined) throw new Error('no such application');
    const command: Book = { type: 'book', data: { room: target, seats, pauses } };
    outcomes.push(
      app.send(command, { id: id === undefined ? undefined : ids[id] }).then(
        ({ version, events, alreadyHandled }) => ({ version, seats: events.length, again: alreadyHandled }),
        (error: unknown) => {
          if (error instanceof Full) return 'full' as const;
          throw error;
        },
      ),
    );
  }
  const settled = await Promise.all(outcomes);
  const streams: Record<string, RecordedEvent[]> = { '1': [], '2': [] };
  for (const [name, events] of Object.entries(streams)) {
    for await (const batch of backend.events.readStream(`room-${name}`)) events.push(...batch);
  }
  for (const application of applications) await application.stop();
  return { settled, streams };
};

describe('two applications on one store', () => {
  it('lose no update, whatever the interleaving: every decision saw all that was before it', async () => {
    await fc.assert(
      fc.asyncProperty(plan, fc.constantFrom(0, 1, 100), async (steps, cachedAggregates) => {
        const { settled, streams } = await carryOut(steps, cachedAggregates, false);
        for (const events of Object.values(streams)) {
          expect(events.map(({ data }) => (data as Booked['data']).before)).toEqual(
            events.map((_, index) => index),
          );
          expect(events.length).toBeLessThanOrEqual(capacity);
        }
        const appended = settled.reduce(
          (sum, outcome) => sum + (outcome === 'full' || outcome.again ? 0 : outcome.seats),
          0,
        );
        expect(Object.values(streams).flat()).toHaveLength(appended);
      }),
      { numRuns: 60 },
    );
  });

  it('come to the same with a cache as without one', async () => {
    await fc.assert(
      fc.asyncProperty(plan, async (steps) => {
        const summary = async (cachedAggregates: number) => {
          const { settled, streams } = await carryOut(steps, cachedAggregates, true);
          return { settled, streams: Object.values(streams).map((events) => events.map(({ data }) => data)) };
        };
        const without = await summary(0);
        expect(await summary(1)).toEqual(without);
        expect(await summary(100)).toEqual(without);
      }),
      { numRuns: 40 },
    );
  });

  it('answer a repeated command as the first time, whoever gets it', async () => {
    await fc.assert(
      fc.asyncProperty(plan, fc.constantFrom(0, 100), async (steps, cachedAggregates) => {
        const { settled } = await carryOut(steps, cachedAggregates, false);
        const first = new Map<string, unknown>();
        for (const [index, outcome] of settled.entries()) {
          const step = steps[index];
          if (step?.id === undefined || outcome === 'full' || outcome.seats === 0) continue;
          const key = `${step.id} ${step.room}`;
          const answer = { version: outcome.version, seats: outcome.seats };
          if (first.has(key)) expect(answer).toEqual(first.get(key));
          first.set(key, answer);
        }
      }),
      { numRuns: 50 },
    );
  });
});
