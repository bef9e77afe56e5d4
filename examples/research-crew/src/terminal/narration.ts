import type { RecordedEvent } from '@tidemark/core';
import { sagaEventType } from '@tidemark/sagas';
import { field } from '../field.js';

/** An event in words. */
export interface Narrated {
  readonly who: string;
  readonly what: string;
  /** Its figures, or nothing. */
  readonly detail: string;
}

/** What of the saga's own events a person wants to see; the rest is how it keeps its books. */
const told: ReadonlySet<string> = new Set(
  (
    [
      'attempt-failed',
      'approval-requested',
      'approval-decided',
      'compensation-started',
      'completed',
      'compensated',
      'needs-person',
    ] as const
  ).map((kind) => sagaEventType('research', kind)),
);

/** Whether an event is worth a line: all of the domain's own, and the turns of the saga. */
export const isTold = ({ type }: RecordedEvent): boolean => !type.startsWith('saga.') || told.has(type);

/** An event in words: what happened is in the name of its type. */
export const narrate = ({ type, data, metadata }: RecordedEvent): Narrated => {
  const name = type.replace(/^saga\.[^.]+/, 'saga').split('.');
  const suffix = (name[1] ?? '').replaceAll('-', ' ');
  const what = suffix.includes(' ') ? suffix : `${name[0]} ${suffix}`;
  const bySaga = name[0] === 'saga' || isOrder(type);
  return {
    who: String(field(data, 'by') ?? (bySaga ? 'saga' : (metadata.agentId ?? 'you'))),
    what,
    detail: [
      ...['id', 'partId', 'work', 'step', 'outcome'].flatMap(
        (key) => field(data, key) ?? field(field(data, 'part'), key) ?? [],
      ),
      ...numbered(data, 'round', 'draft'),
      ...(bySaga ? [] : ['parts', 'findings', 'problems'].flatMap((key) => counted(data, key))),
      ...['reason', 'file'].flatMap((key) => field(data, key) ?? []),
    ].join(', '),
  };
};

/** Requests and inverses are the saga's doing, though the agent whose result led to them is in their metadata. */
const isOrder = (type: string): boolean => /(requested|discarded|withdrawn|retracted)$/.test(type);

const numbered = (data: unknown, name: string, thing: string): readonly string[] => {
  const number = field(data, name);
  return typeof number === 'number' ? [`${thing} ${number}`] : [];
};

const counted = (data: unknown, name: string): readonly string[] => {
  const list = field(data, name);
  return Array.isArray(list) ? [`${list.length} ${list.length === 1 ? name.replace(/s$/, '') : name}`] : [];
};
