import colors from 'picocolors';
import type { ResearchBoard, Task } from '../board.js';

/** What is drawn before a task, by its state. */
const marks: Readonly<Record<Task['state'], string>> = {
  'at work': colors.cyan('▸'),
  done: colors.green('✔'),
  'sent back': colors.yellow('↩'),
  failed: colors.red('✖'),
  undone: colors.dim('↶'),
};

/**
 * The board as lines of text.
 *
 * @param now tasks at work have lasted until then
 * @param columns width of the terminal
 */
export const boardTable = ({ tasks }: ResearchBoard, now: Date, columns: number): readonly string[] =>
  tasks.map((task) => {
    const { agent, what, state, result, attempts, startedAt, endedAt } = task;
    const milliseconds =
      (endedAt === undefined ? now.getTime() : Date.parse(endedAt)) - Date.parse(startedAt);
    const outcome = `${state === 'at work' ? '…' : result}${attempts > 1 ? ` (asked ${attempts} times)` : ''}`;
    const time = (
      milliseconds < 1_000 ? `${Math.max(0, milliseconds)} ms` : `${(milliseconds / 1_000).toFixed(1)} s`
    ).padStart(8);
    const width = Math.max(20, Math.min(columns, 110) - 30);
    const whatWidth = Math.floor(width * 0.55);
    return [
      `  ${marks[state]} `,
      agent.padEnd(13),
      fit(what, whatWidth),
      ' ',
      colors.dim(fit(outcome, width - whatWidth)),
      colors.dim(time),
    ].join('');
  });

const fit = (text: string, width: number): string =>
  text.length > width ? `${text.slice(0, width - 1)}…` : text.padEnd(width);
