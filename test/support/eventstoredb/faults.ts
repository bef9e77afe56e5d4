import { setTimeout as delay } from 'node:timers/promises';
import { status } from '@grpc/grpc-js';
import { notLeader, RpcError } from './rpc-errors.js';

/** The kinds of calls that faults can be laid on. `append` is both kinds of append. */
export type CallKind =
  | 'append'
  | 'read'
  | 'subscribe'
  | 'delete'
  | 'persistent-read'
  | 'persistent-manage'
  | 'gossip'
  | 'features';

/** What happens to a call instead of what it asks for. */
export type Fault =
  /** Answers UNAVAILABLE, and does nothing. */
  | { readonly kind: 'unavailable' }
  /** Answers DEADLINE_EXCEEDED, and does nothing. */
  | { readonly kind: 'deadline' }
  /** Says that another node leads, and does nothing. */
  | { readonly kind: 'not-leader'; readonly host: string; readonly port: number }
  /** Answers with any other status, and does nothing. */
  | { readonly kind: 'status'; readonly code: status; readonly details: string }
  /** Never answers, and does nothing: the client's own deadline must help. */
  | { readonly kind: 'hang' }
  /** Waits, then does as asked. */
  | { readonly kind: 'delay'; readonly ms: number }
  /** Closes the connection, and does nothing. */
  | { readonly kind: 'drop' }
  /** Does as asked, then closes the connection instead of answering. */
  | { readonly kind: 'lose-answer' }
  /** Closes the connection once so many messages of a read or subscription were sent. */
  | { readonly kind: 'drop-after'; readonly messages: number }
  /** Ends a read or subscription with UNAVAILABLE once so many messages were sent. */
  | { readonly kind: 'end-after'; readonly messages: number };

/** Faults that wait for their calls. Each kind of call takes its faults in the order they were laid. */
export class Faults {
  readonly #waiting = new Map<CallKind, Fault[]>();
  readonly #taken = new Map<CallKind, number>();

  /** Lays a fault on the next calls of a kind: one, or as many as said (`Infinity` until cleared). */
  next(kind: CallKind, fault: Fault, count = 1): void {
    const waiting = this.#waiting.get(kind) ?? [];
    const copies =
      count === Number.POSITIVE_INFINITY ? [{ ...fault, always: true }] : Array(count).fill(fault);
    this.#waiting.set(kind, [...waiting, ...copies]);
  }

  /** Takes all faults away that no call has met yet. */
  clear(): void {
    this.#waiting.clear();
  }

  /** How many calls of a kind have met a fault. */
  taken(kind: CallKind): number {
    return this.#taken.get(kind) ?? 0;
  }

  /** The fault for a call that begins now. */
  take(kind: CallKind): Fault | undefined {
    const waiting = this.#waiting.get(kind);
    const fault = waiting?.[0];
    if (waiting === undefined || fault === undefined) return undefined;
    if (!('always' in fault)) waiting.shift();
    this.#taken.set(kind, this.taken(kind) + 1);
    return fault;
  }
}

/** What is left of a fault once it has been met at the beginning of a call. */
export type Afterwards = 'answer' | 'drop' | 'never' | { readonly after: number; readonly drop: boolean };

/** Meets a fault: refuses by throwing, waits, or tells what is to become of the answer. */
export const meet = async (fault: Fault | undefined, signal: AbortSignal): Promise<Afterwards> => {
  switch (fault?.kind) {
    case undefined:
      return 'answer';
    case 'unavailable':
      throw new RpcError(status.UNAVAILABLE, 'Server Is Not Ready');
    case 'deadline':
      throw new RpcError(status.DEADLINE_EXCEEDED, 'Deadline Exceeded');
    case 'not-leader':
      throw notLeader(fault.host, fault.port);
    case 'status':
      throw new RpcError(fault.code, fault.details);
    case 'hang':
      return 'never';
    case 'delay':
      await delay(fault.ms, undefined, { signal });
      return 'answer';
    case 'drop':
      return { after: 0, drop: true };
    case 'lose-answer':
      return 'drop';
    case 'drop-after':
      return { after: fault.messages, drop: true };
    case 'end-after':
      return { after: fault.messages, drop: false };
    default:
      return fault satisfies never;
  }
};
