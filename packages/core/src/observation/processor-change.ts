import type { ProcessorState, ProcessorStatus } from './processor-status.js';

/**
 * - `started`: it has loaded its checkpoint and follows the log
 * - `caught-up`: for the first time since it started, nothing that the log held was left to be handled
 * - `paused`, `resumed`: it starts no more handlers, and does again
 * - `draining`: it ends
 * - `stopped`: it has ended on request
 * - `failed`: it stands still; the status has the reason
 */
export type ProcessorChangeKind =
  | 'started'
  | 'caught-up'
  | 'paused'
  | 'resumed'
  | 'draining'
  | 'stopped'
  | 'failed';

/** A moment in the life of a processor, projection or saga. */
export interface ProcessorChange {
  readonly kind: ProcessorChangeKind;
  /** Name of the processor. */
  readonly processor: string;
  /** How it was doing in that moment. */
  readonly status: ProcessorStatus;
}

/** Tells from one status after another what has happened. One for each processor. */
export class ProcessorChanges {
  #state: ProcessorState = 'stopped';
  #hasCaughtUp = false;

  /** What has happened since the last status, in order. */
  next({ state, caughtUp }: ProcessorStatus): readonly ProcessorChangeKind[] {
    const kinds: ProcessorChangeKind[] = [];
    const before = this.#state;
    this.#state = state;
    if (state !== before) {
      const kind = kindOf(before, state);
      if (kind !== undefined) kinds.push(kind);
      if (state === 'starting') this.#hasCaughtUp = false;
    }
    if (caughtUp && !this.#hasCaughtUp && (state === 'running' || state === 'paused')) {
      this.#hasCaughtUp = true;
      kinds.push('caught-up');
    }
    return kinds;
  }
}

const kindOf = (before: ProcessorState, state: ProcessorState): ProcessorChangeKind | undefined => {
  switch (state) {
    case 'starting':
      return undefined;
    case 'running':
      return before === 'paused' ? 'resumed' : 'started';
    case 'paused':
    case 'draining':
    case 'stopped':
    case 'failed':
      return state;
    default:
      return state satisfies never;
  }
};
