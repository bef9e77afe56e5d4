import { describe, expect, it } from '@jest/globals';
import { deterministicId, newId, type RecordedEvent } from '@tidemark/core';
import fc from 'fast-check';
import { SagaHandlerError } from '../errors.js';
import { inverseId, pendingUndo, retryDelay } from './compensation.js';
import { eventType, instanceStream, type SagaEvent } from './events.js';
import { emptyInstance, evolve, statusOf, type SagaInstance } from './instance.js';
import { saga as sagaOf } from './saga.js';
import type { SagaContext } from './saga-context.js';
import type { SagaBehaviour } from './saga-definition.js';
import { transition, type SagaInput } from './transition.js';

const key = 'k1';
const stream = instanceStream('trip', key);
const base = '018f0000-0000-7000-8000-000000000000';

const book = (name: string, saga: SagaContext, part?: string): void =>
  saga.step(name, {
    key: part,
    command: { type: `book-${name}`, data: { part } },
    completedBy: `${name}-booked`,
    failedBy: `${name}-refused`,
    deadline: '1m',
    retry: { attempts: 2, delay: '1s' },
    inverse: { type: `cancel-${name}`, data: { part } },
  });

/** A flight; then several hotels side by side; then a person; a reminder meanwhile. */
const { behaviour } = sagaOf({
  name: 'trip',
  state: () => ({ hotels: 0, reminded: false, log: new Array<string>() }),
  inverseRetry: { attempts: 2, delay: '1s' },
  events: ['hotel-booked', 'hotel-refused', 'flight-refused'],
})
  .starts('trip-asked', { key: () => key }, (state, _, saga) => {
    state.log.push('asked');
    book('flight', saga);
    saga.timer('remind', { after: '5m' });
  })
  .on('flight-booked', (state, _, saga) => {
    state.hotels = 3;
    for (const part of ['a', 'b', 'c']) book('hotel', saga, part);
  })
  .onCompleted('hotel', (state, saga) => {
    state.log.push('hotels');
    saga.requestApproval('pay', { question: 'Pay?', deadline: '1h' });
  })
  .onTimer('remind', (state) => {
    state.reminded = true;
  })
  .onApproval('pay', (_, decision, saga) => {
    if (decision.outcome === 'approved') saga.complete({ by: decision.by });
    else saga.compensate(`payment ${decision.outcome}`);
  })
  .build();

const recorded = (
  type: string,
  metadata: RecordedEvent['metadata'],
  position: bigint,
  id = newId(),
): RecordedEvent => ({
  id,
  stream: 'booking-1',
  version: Number(position),
  position,
  type,
  schemaVersion: 1,
  data: {},
  metadata,
  recordedAt: new Date(0),
});

/** What could happen next to an instance, with a good deal that is late or repeated. */
const inputs = (instance: SagaInstance, position: bigint): readonly SagaInput[] => {
  const possible: SagaInput[] = [
    { kind: 'event', start: true, event: recorded('trip-asked', {}, position) },
    { kind: 'retry-compensation', by: 'ann' },
    {
      kind: 'approval-due',
      decision: { approval: 'pay', outcome: 'approved', by: 'ann' },
      requestId: undefined,
    },
    { kind: 'approval-decided', decision: { approval: 'pay', outcome: 'approved', by: 'ann' } },
    { kind: 'approval-decided', decision: { approval: 'pay', outcome: 'rejected', by: 'ann' } },
    { kind: 'timer-fired', timer: 'remind' },
  ];
  for (const step of instance.steps.values()) {
    const metadata = { sagaId: stream, sagaStep: step.id, sagaAttempt: step.attempt };
    const attempt = { step: step.id, attempt: step.attempt };
    possible.push(
      { kind: 'event', start: false, event: recorded(`${step.name}-booked`, metadata, position) },
      { kind: 'event', start: false, event: recorded(`${step.name}-refused`, metadata, position) },
      { kind: 'command-rejected', attempt, reason: 'full' },
      { kind: 'deadline-due', attempt },
      { kind: 'deadline-passed', attempt },
      { kind: 'retry-due', attempt: { step: step.id, attempt: step.attempt + 1 } },
    );
    if (step.undo !== undefined) {
      const sent = inverseId(step, step.undo.round, step.undo.attempt);
      const { round, attempt: tried } = step.undo;
      possible.push({ kind: 'inverse-retry-due', step: step.id, round, attempt: tried + 1 });
      const [next] = pendingUndo(instance);
      if (next !== step) continue;
      possible.push(
        { kind: 'inverse-accepted', step: step.id, inverseId: sent, position },
        { kind: 'inverse-accepted', step: step.id, inverseId: sent, position: undefined },
        { kind: 'inverse-rejected', step: step.id, inverseId: sent, reason: 'locked' },
      );
    }
  }
  return possible;
};

const fold = (events: readonly SagaEvent[]): SagaInstance => {
  const instance = emptyInstance('trip', key, stream);
  for (const event of JSON.parse(JSON.stringify(events)) as SagaEvent[]) evolve(instance, event, {});
  return instance;
};

/** Lets an instance live through what `choices` pick; the first input starts it. */
const live = (choices: readonly number[]) => {
  const instance = emptyInstance('trip', key, stream);
  const events: SagaEvent[] = [];
  const transitions: {
    readonly input: SagaInput;
    readonly id: string;
    readonly events: readonly SagaEvent[];
  }[] = [];
  for (const [index, choice] of [0, ...choices].entries()) {
    const possible = inputs(instance, BigInt(index + 1));
    const input = possible[choice % possible.length];
    if (input === undefined) continue;
    const id = deterministicId(base, `input ${index}`);
    const made = transition(behaviour, instance, input, { id, at: new Date(0), metadata: {} });
    events.push(...made);
    transitions.push({ input, id, events: made });
  }
  return { instance, events, transitions };
};

const choices = fc.array(fc.nat(1_000), { maxLength: 60 });

describe('transition', () => {
  it('gives an instance that is the fold of its events, as JSON brings them back', () => {
    fc.assert(
      fc.property(choices, (picked) => {
        const { instance, events } = live(picked);
        expect(fold(events)).toEqual(instance);
      }),
      { numRuns: 300 },
    );
  });

  it('takes each input once, and gives the same events for the same inputs', () => {
    fc.assert(
      fc.property(choices, (picked) => {
        const { instance, events, transitions } = live(picked);
        expect(live(picked).events).toHaveLength(events.length);
        for (const { input, id, events: made } of transitions) {
          if (made.length === 0) continue;
          expect(transition(behaviour, instance, input, { id, at: new Date(0), metadata: {} })).toEqual([]);
        }
        expect(new Set(events.map(({ id }) => id)).size).toBe(events.length);
      }),
      { numRuns: 200 },
    );
  });

  it('requests nothing once compensation began, and undoes in reverse order everything that may have happened', () => {
    fc.assert(
      fc.property(choices, (picked) => {
        const { instance, events } = live(picked);
        const start = events.findIndex(({ kind }) => kind === 'compensation-started');
        if (start < 0) return;
        const after = events.slice(start).map(({ kind }) => kind);
        for (const forward of [
          'step-requested',
          'retry-due',
          'timer-set',
          'approval-requested',
          'completed',
        ]) {
          expect(after).not.toContain(forward);
        }
        if (instance.status !== 'compensated' || after.includes('resolved')) return;
        for (const step of instance.steps.values()) {
          expect(
            step.undo?.status ?? (step.status === 'failed' && !step.unknown ? 'nothing' : 'forgotten'),
          ).toMatch(/^(done|nothing)$/);
        }
        const reopened = events.filter(({ kind }) => kind === 'compensation-started').length > 1;
        const undone = events.flatMap((event) =>
          event.kind === 'inverse-completed' ? [event.data.step] : [],
        );
        if (reopened || new Set(undone).size < undone.length) return;
        const requested = [...instance.steps.keys()].filter((step) => undone.includes(step));
        expect(undone).toEqual(requested.toReversed());
      }),
      { numRuns: 500 },
    );
  });

  it('reaches every end in the runs above', () => {
    const ends = new Set<string | undefined>();
    for (const picked of fc.sample(choices, { numRuns: 3_000, seed: 7 }))
      ends.add(statusOf(live(picked).instance));
    expect([...ends].map(String).toSorted((a, b) => a.localeCompare(b))).toEqual([
      'compensated',
      'compensating',
      'completed',
      'needs-person',
      'running',
      'waiting',
    ]);
  });
});

/** A small driver for single cases: named inputs, each with an id of its own. */
const instanceOf = (of: SagaBehaviour) => {
  const instance = emptyInstance(of.name, key, instanceStream(of.name, key));
  let count = 0;
  const take = (input: SagaInput): readonly string[] =>
    transition(of, instance, input, { id: newId(), at: new Date(0), metadata: {} }).map(({ kind }) => kind);
  const event = (type: string, step?: string, position = BigInt(++count)): readonly string[] =>
    take({
      kind: 'event',
      start: true,
      event: recorded(type, step === undefined ? {} : { sagaId: instance.stream, sagaStep: step }, position),
    });
  return { instance, take, event };
};

describe('steps', () => {
  it('are completed by an event that their command caused, or by the only one that could be meant', () => {
    const { event } = instanceOf(behaviour);
    event('trip-asked');
    expect(event('flight-booked')).toEqual([
      'step-completed',
      'step-requested',
      'step-requested',
      'step-requested',
    ]);
    // Three hotels wait: an event that names none of them means none.
    expect(event('hotel-booked')).toEqual([]);
    expect(event('hotel-booked', 'hotel/b')).toEqual(['step-completed']);
    expect(event('hotel-booked', 'hotel/a')).toEqual(['step-completed']);
    expect(event('hotel-booked', 'hotel/c')).toEqual(['step-completed', 'approval-requested']);
  });

  it('are tried again after a deadline, and compensate as unknown when the last attempt passes', () => {
    const { instance, take, event } = instanceOf(behaviour);
    event('trip-asked');
    expect(take({ kind: 'deadline-passed', attempt: { step: 'flight', attempt: 1 } })).toEqual([
      'attempt-failed',
    ]);
    expect(take({ kind: 'deadline-due', attempt: { step: 'flight', attempt: 1 } })).toEqual([]);
    expect(take({ kind: 'retry-due', attempt: { step: 'flight', attempt: 2 } })).toEqual(['retry-due']);
    expect(take({ kind: 'deadline-passed', attempt: { step: 'flight', attempt: 2 } })).toEqual([
      'step-failed',
      'compensation-started',
    ]);
    expect(pendingUndo(instance).map(({ id }) => id)).toEqual(['flight']);
  });

  it('that are refused need no undoing', () => {
    const { instance, take, event } = instanceOf(behaviour);
    event('trip-asked');
    take({ kind: 'command-rejected', attempt: { step: 'flight', attempt: 1 }, reason: 'full' });
    take({ kind: 'retry-due', attempt: { step: 'flight', attempt: 2 } });
    expect(event('flight-refused', 'flight')).toEqual(['step-failed', 'compensation-started', 'compensated']);
    expect(instance.reason).toBe('step "flight" failed: event flight-refused');
  });

  it('that are completed after their inverse ran are undone again, and not if it saw them', () => {
    const late = (position: bigint): readonly string[] => {
      const { instance, take, event } = instanceOf(behaviour);
      event('trip-asked');
      event('flight-booked');
      event('hotel-booked', 'hotel/a');
      take({ kind: 'approval-decided', decision: { approval: 'pay', outcome: 'rejected' } });
      for (const step of pendingUndo(instance)) {
        take({ kind: 'inverse-accepted', step: step.id, inverseId: inverseId(step, 1, 1), position: 100n });
      }
      expect(instance.status).toBe('compensated');
      return event('hotel-booked', 'hotel/b', position);
    };
    expect(late(101n)).toEqual(['step-completed', 'compensation-started']);
    expect(late(99n)).toEqual(['step-completed']);
  });
});

describe('handlers', () => {
  const one = (handler: (state: { at?: unknown }, data: unknown, saga: SagaContext) => unknown) =>
    instanceOf(
      sagaOf({ name: 's', state: () => ({}) })
        .starts('go', { key: () => key }, handler)
        .build().behaviour,
    );

  it('are refused what cannot be recorded, with the path of the culprit', () => {
    const culprits: [unknown, string][] = [
      [new Date(0), 'at is a Date'],
      [[1, new Map()], 'at[1] is a Map'],
      [{ n: Number.NaN }, 'at.n is NaN'],
      [1n, 'at is a bigint'],
      [[undefined], 'at[0] is undefined'],
    ];
    for (const [value, message] of culprits) {
      const { event } = one((state) => {
        state.at = value;
      });
      expect(() => event('go')).toThrow(message);
    }
    const cycle: { self?: unknown } = {};
    cycle.self = cycle;
    expect(() =>
      one((state) => {
        state.at = cycle;
      }).event('go'),
    ).toThrow('contains itself');
  });

  it('decide at once: a promise is refused', () => {
    expect(() => one(() => Promise.reject(new Error('late'))).event('go')).toThrow('returned a promise');
  });

  it('name saga, key, handler and event when they throw', () => {
    const boom = (): readonly string[] =>
      one(() => {
        throw new Error('boom');
      }).event('go');
    expect(boom).toThrow(SagaHandlerError);
    expect(boom).toThrow('Saga "s", instance "k1": handler starts(go) failed on event go: boom');
  });

  it('see whose instance it is and what it reacts to', () => {
    const seen: unknown[] = [];
    one((_, __, { saga, key: ofInstance, id, now, metadata }) => {
      seen.push(saga, ofInstance, id, now, metadata);
    }).event('go');
    expect(seen).toEqual(['s', key, `saga:s-${key}`, new Date(0), {}]);
  });

  it('that are gone while an instance still needs them are missed, not passed over', () => {
    const { take, event } = one(() => {});
    event('go');
    expect(() => take({ kind: 'timer-fired', timer: 't' })).toThrow("@OnTimer('t') failed");
    expect(() => take({ kind: 'approval-decided', decision: { approval: 'a', outcome: 'expired' } })).toThrow(
      'the saga no longer has this handler',
    );
  });

  it('are told of each misuse', () => {
    const misuses: [(saga: SagaContext) => void, string][] = [
      [(saga) => saga.step('x', {}), 'needs a command'],
      [(saga) => saga.step('a/b', { command: { type: 'c', data: 1 } }), 'must not be empty or contain'],
      [(saga) => saga.step('x', { completedBy: 'other' }), 'does not hear'],
      [(saga) => saga.step('x', { completedBy: 'go', deadline: -1 }), 'is not a duration'],
      [(saga) => saga.step('x', { completedBy: 'go', retry: { attempts: 0 } }), 'attempts from 1'],
      [(saga) => saga.timer('t', { after: 1 }), 'has no handler'],
      [(saga) => saga.requestApproval('a', { question: '?' }), 'has no handler'],
      [(saga) => saga.completeStep('x'), 'is not open'],
      [(saga) => (saga.complete(), saga.compensate('no')), 'Too late for compensation'],
      [
        (saga) => (saga.step('x', { completedBy: 'go' }), saga.step('x', { completedBy: 'go' })),
        'still open',
      ],
    ];
    for (const [misuse, message] of misuses) {
      expect(() => one((_, __, saga) => misuse(saga)).event('go')).toThrow(message);
    }
  });

  it('request a step again once it has ended, as a new one', () => {
    const { instance, event } = one((_, __, saga) => {
      saga.step('x', { completedBy: 'go' });
      saga.completeStep('x');
      saga.step('x', { completedBy: 'go' });
      saga.failStep('x', 'enough');
      saga.step('x', { completedBy: 'go', key: 'y' });
      expect(saga.steps('x').map(({ status }) => status)).toEqual(['completed', 'failed', 'open']);
      expect(saga.steps('z')).toEqual([]);
    });
    event('go');
    expect([...instance.steps.keys()]).toEqual(['x', 'x@2', 'x/y']);
  });
});

describe('retryDelay', () => {
  it('grows up to its limit and ends with the attempts', () => {
    const retry = { attempts: 4, delayMs: 100, factor: 3, maxDelayMs: 500 };
    expect([1, 2, 3, 4].map((attempt) => retryDelay(retry, attempt))).toEqual([100, 300, 500, undefined]);
  });
});

describe('eventType', () => {
  it('belongs to one saga', () => expect(eventType('trip', 'started')).toBe('saga.trip.started'));
});
