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
  const [subject = '', happening = ''] = type.replace(/^saga\.[^.]+/, 'saga').split('.');
  const words = happening.replaceAll('-', ' ');
  const bySaga = subject === 'saga' || isOrder(type);
  const [by = bySaga ? 'saga' : (metadata.agentId ?? 'you')] = texts(data, 'by');
  return {
    who: by,
    what: words.includes(' ') ? words : `${subject} ${words}`,
    detail: [
      ...texts(field(data, 'part'), 'id'),
      ...texts(data, 'partId', 'work', 'step', 'outcome'),
      ...numbered(data, 'round', 'draft'),
      ...(bySaga ? [] : ['parts', 'findings', 'problems'].flatMap((key) => counted(data, key))),
      ...texts(data, 'reason', 'file'),
    ].join(', '),
  };
};

/** Requests and inverses are the saga's doing, though the agent whose result led to them is in their metadata. */
const isOrder = (type: string): boolean => /(requested|discarded|withdrawn|retracted)$/.test(type);

/** Those of the properties that are texts. */
const texts = (data: unknown, ...names: readonly string[]): readonly string[] =>
  names.flatMap((name) => {
    const value = field(data, name);
    return typeof value === 'string' ? [value] : [];
  });

const numbered = (data: unknown, name: string, thing: string): readonly string[] => {
  const number = field(data, name);
  return typeof number === 'number' ? [`${thing} ${number}`] : [];
};

const counted = (data: unknown, name: string): readonly string[] => {
  const list = field(data, name);
  return Array.isArray(list) ? [`${list.length} ${list.length === 1 ? name.replace(/s$/, '') : name}`] : [];
};
