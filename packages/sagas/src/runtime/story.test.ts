import { describe, expect, it } from '@jest/globals';
import { eventType, type SagaEventData, type SagaEventKind } from '../model/events.js';
import { storyEntry } from './story.js';

const step = { step: 'pack/vase', attempt: 2 };

const samples: { readonly [Kind in SagaEventKind]: readonly [SagaEventData[Kind], string][] } = {
  started: [[{ key: 'k' }, 'started with key k']],
  handled: [[{}, 'took an input']],
  'step-requested': [
    [
      {
        ...step,
        name: 'pack',
        completedBy: ['packed', 'boxed'],
        failedBy: [],
        retry: { attempts: 1, delayMs: 0, factor: 1, maxDelayMs: 0 },
      },
      'step pack/vase requested: waits for packed or boxed',
    ],
  ],
  'step-completed': [
    [step, 'step pack/vase completed'],
    [{ ...step, late: true }, 'step pack/vase completed, late'],
  ],
  'attempt-failed': [
    [
      { ...step, cause: 'rejected', reason: 'no', retryInMs: 5 },
      'step pack/vase (attempt 2) failed: no; tried again in 5 ms',
    ],
  ],
  'retry-due': [[step, 'step pack/vase (attempt 2) requested again']],
  'deadline-passed': [[{ ...step, attempt: 1 }, 'deadline of step pack/vase passed']],
  'step-failed': [
    [{ ...step, cause: 'event', reason: 'broken' }, 'step pack/vase (attempt 2) failed: broken'],
  ],
  'timer-set': [
    [{ timer: 't', afterMs: 5 }, 'timer t set for 5 ms'],
    [{ timer: 't', at: '2026-01-01' }, 'timer t set to 2026-01-01'],
  ],
  'timer-cancelled': [[{ timer: 't', setId: 'x' }, 'timer t cancelled']],
  'timer-fired': [[{ timer: 't' }, 'timer t fired']],
  'approval-requested': [[{ approval: 'a', question: 'Well?' }, 'approval a requested: Well?']],
  'approval-decided': [
    [{ approval: 'a', outcome: 'expired' }, 'approval a expired'],
    [{ approval: 'a', outcome: 'rejected', by: 'ann', comment: 'no' }, 'approval a rejected by ann: no'],
  ],
  'compensation-started': [[{ reason: 'r' }, 'compensation started: r']],
  'inverse-completed': [[step, 'step pack/vase undone']],
  'inverse-failed': [[{ ...step, reason: 'stuck' }, 'undoing step pack/vase (attempt 2) failed: stuck']],
  'inverse-retry-due': [[step, 'undoing step pack/vase (attempt 2) again']],
  'compensation-retried': [
    [{}, 'compensation tried again'],
    [{ by: 'ann' }, 'compensation tried again by ann'],
  ],
  completed: [[{}, 'completed']],
  compensated: [[{}, 'compensated']],
  'needs-person': [[{ reason: 'r' }, 'needs a person: r']],
  resolved: [[{ by: 'ann', reason: 'r' }, 'resolved by ann: r']],
};

const recorded = (type: string, data: unknown) => ({
  id: 'i',
  stream: 'saga:s-k',
  version: 3,
  position: 4n,
  type,
  schemaVersion: 1,
  data,
  metadata: {},
  recordedAt: new Date(0),
});

describe('storyEntry', () => {
  const cases = Object.entries(samples).flatMap(([kind, list]) =>
    list.map(([data, words]) => [kind as SagaEventKind, data, words] as const),
  );
  it.each(cases)('says %s in words', (kind, data, words) => {
    expect(storyEntry('s', recorded(eventType('s', kind), data))).toEqual({
      at: new Date(0),
      kind,
      what: words,
      because: undefined,
      version: 3,
    });
  });

  it('says nothing of what is not of the saga', () => {
    expect(storyEntry('s', recorded('saga.other.started', {}))).toBeUndefined();
    expect(storyEntry('s', recorded('saga.s.unknown', {}))).toBeUndefined();
  });
});
