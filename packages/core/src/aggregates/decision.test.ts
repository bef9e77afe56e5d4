import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { eventsOf } from './decision.js';
import { InvalidDecisionError } from './errors.js';

const one = { type: 'one', data: {} };
const two = { type: 'two', data: {} };

describe('what a decision came to', () => {
  it('is one event, several or none, without a promise', () => {
    expect(eventsOf(one, 'order')).toEqual([one]);
    expect(eventsOf([one, two], 'order')).toEqual([one, two]);
    expect(eventsOf([], 'order')).toEqual([]);
    expect(eventsOf(undefined, 'order')).toEqual([]);
    expect(eventsOf(null, 'order')).toEqual([]);
  });

  it('is what a generator yields', () => {
    const decide = function* () {
      yield one;
      yield two;
    };
    expect(eventsOf(decide(), 'order')).toEqual([one, two]);
  });

  it('is what an asynchronous handler or generator gives', async () => {
    const decide = async function* () {
      yield one;
      yield two;
    };
    await expect(eventsOf(decide(), 'order')).resolves.toEqual([one, two]);
    await expect(eventsOf(Promise.resolve(one), 'order')).resolves.toEqual([one]);
    await expect(eventsOf(Promise.resolve([one, two]), 'order')).resolves.toEqual([one, two]);
    await expect(eventsOf(Promise.resolve(), 'order')).resolves.toEqual([]);
    await expect(eventsOf(Promise.resolve(new Set([one])), 'order')).resolves.toEqual([one]);
  });

  it('is the error that the handler threw, however it came', async () => {
    const failure = new Error('out of stock');
    await expect(eventsOf(Promise.reject(failure), 'order')).rejects.toBe(failure);
    const failing = function* () {
      yield one;
      throw failure;
    };
    expect(() => eventsOf(failing(), 'order')).toThrow(failure);
  });

  it.each([
    ['text', 'a string'],
    [7, 'a number'],
    [true, 'a boolean'],
    [() => one, 'a function'],
    [[one, undefined], 'undefined among its events'],
    [[one, null], 'null among its events'],
    [[[one]], 'a list among its events'],
    [[Promise.resolve(one)], 'a promise among its events'],
  ])('refuses %p, saying what it is and not its value', (decision, found) => {
    const decide = () => eventsOf(decision, 'order');
    expect(decide).toThrow(InvalidDecisionError);
    expect(decide).toThrow(`aggregate "order" returned ${found}.`);
  });

  it('gives the same events in every form', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.record({ type: fc.string(), data: fc.jsonValue() })), async (events) => {
        const lazily = function* () {
          yield* events;
        };
        const slowly = async function* () {
          yield* events;
        };
        for (const form of [events, lazily(), slowly(), Promise.resolve(events), new Set(events)]) {
          expect(await eventsOf(form, 'any')).toEqual(events);
        }
      }),
    );
  });
});
