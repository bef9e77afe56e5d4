import { expect, it } from '@jest/globals';
import { ProcessorChanges } from './processor-change.js';
import type { ProcessorState, ProcessorStatus } from './processor-status.js';

const status = (state: ProcessorState, caughtUp = false): ProcessorStatus => ({
  name: 'p',
  role: 'processor',
  state,
  position: undefined,
  checkpoint: undefined,
  caughtUp,
  handled: 0,
  retried: 0,
  redelivered: 0,
  parked: 0,
  skipped: 0,
  compensated: 0,
  breakers: [],
  slow: [],
  deadLetters: { sequences: 0, letters: 0 },
  inFlight: 0,
  pending: 0,
});

it('tells each moment once, and that it has caught up once for each start', () => {
  const changes = new ProcessorChanges();
  const told = [
    status('stopped'),
    status('starting', true),
    status('running'),
    status('running', true),
    status('running'),
    status('running', true),
    status('paused', true),
    status('running', true),
    status('draining', true),
    status('stopped', true),
    status('starting'),
    status('paused', true),
    status('failed'),
    status('stopped'),
  ].map((next) => changes.next(next));
  expect(told).toEqual([
    [],
    [],
    ['started'],
    ['caught-up'],
    [],
    [],
    ['paused'],
    ['resumed'],
    ['draining'],
    ['stopped'],
    [],
    ['paused', 'caught-up'],
    ['failed'],
    ['stopped'],
  ]);
});
