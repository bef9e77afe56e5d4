import { describe, expect, it } from '@jest/globals';
import type { ProcessorStatus } from '../observation/processor-status.js';
import { processorHealth } from './running-processors.js';

const status: ProcessorStatus = {
  name: 'mailer',
  role: 'processor',
  state: 'running',
  position: undefined,
  checkpoint: undefined,
  caughtUp: true,
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
};

describe('the health of a processor', () => {
  it('is up while it does what it is asked to', () => {
    for (const state of ['stopped', 'starting', 'running', 'draining'] as const) {
      expect(processorHealth({ ...status, state })).toEqual({ status: 'up', reasons: [] });
    }
  });

  it('is degraded while paused, or in trouble that may pass', () => {
    expect(processorHealth({ ...status, state: 'paused' })).toEqual({
      status: 'degraded',
      reasons: ['processor "mailer" is paused.'],
    });
    const degraded = { reason: 'the store cannot be reached', error: undefined, since: new Date(0) };
    expect(processorHealth({ ...status, degraded })).toEqual({
      status: 'degraded',
      reasons: ['processor "mailer": the store cannot be reached'],
    });
  });

  it('is down when it has failed, with the reason', () => {
    const failure = {
      error: new Error('full'),
      reason: 'The mailbox is full.',
      attempts: 5,
      at: new Date(0),
    };
    expect(processorHealth({ ...status, state: 'failed', failure })).toEqual({
      status: 'down',
      reasons: ['The mailbox is full.'],
    });
    expect(processorHealth({ ...status, state: 'failed' }).reasons).toEqual([
      'processor "mailer" has failed.',
    ]);
  });
});
