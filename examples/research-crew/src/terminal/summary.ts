import type { RecordedEvent } from '@tidemark/core';
import type { StoryEntry } from '@tidemark/sagas';
import colors from 'picocolors';
import type { Effect } from '../causes.js';
import { narrate } from './narration.js';
import { oneLine } from './one-line.js';

/** The story of a saga, a line for each decision, with the time since its beginning. */
export const storyLines = (story: readonly StoryEntry[]): readonly string[] => {
  const begin = story[0]?.at.getTime() ?? 0;
  return story
    .filter(({ kind }) => kind !== 'handled')
    .map(({ at, what }) => {
      const seconds = `${((at.getTime() - begin) / 1_000).toFixed(2)} s`;
      return `  ${colors.dim(seconds.padStart(9))}  ${oneLine(what)}`;
    });
};

/** The tree of who caused what, drawn with lines. */
export const treeLines = (effects: readonly Effect[], indent = '  '): readonly string[] =>
  effects.flatMap(({ event, effects: below }, index) => {
    const last = index === effects.length - 1;
    return [
      `${indent}${last ? '└─' : '├─'} ${label(event)}`,
      ...treeLines(below, `${indent}${last ? '   ' : '│  '}`),
    ];
  });

const label = (event: RecordedEvent): string => {
  const { who, what, detail } = narrate(event);
  return `${what}${detail === '' ? '' : colors.dim(` (${oneLine(detail)})`)}  ${colors.cyan(who)}`;
};

export interface Figures {
  /** Events of this research in the log, and how many of them were there before this run. */
  readonly events: number;
  readonly before: number;
  readonly commands: number;
  /** Until the application was running. */
  readonly startMs: number;
  /** From then on. */
  readonly workMs: number;
}

export const figureLines = ({ events, before, commands, startMs, workMs }: Figures): readonly string[] => {
  const now = events - before;
  return [
    `  ${events} events in the log: ${before} from before, ${now} in this run, by ${commands} commands`,
    `  ${seconds(startMs)} to open the database and start, ${seconds(workMs)} of work: ${Math.round((now * 1_000) / Math.max(1, workMs))} events/s`,
  ];
};

const seconds = (milliseconds: number): string => `${(milliseconds / 1_000).toFixed(2)} s`;
