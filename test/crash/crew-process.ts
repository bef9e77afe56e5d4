import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readFile, readdir, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as wait } from 'node:timers/promises';
import type { Backend } from '@tidemark/core';

const documents: Readonly<Record<string, string>> = {
  'workflows.md': `# Workflows

A workflow that is killed goes on where it stopped, because each decision was recorded before it was carried out.
Steps that were recorded are never done a second time.

## Undoing

Each step brings the command that undoes it. When a step fails for good, the recorded steps are undone in reverse order.
`,
  'log.txt': `The log keeps every event in one order. Readers of the log remember how far they came, so a reader
that is killed goes on from there. Nothing that was recorded in the log is lost when a process is killed.
`,
};

/** The program, straight from its sources, as `npm start` runs it. */
const crew = (docs: string, data: string, ...options: readonly string[]) =>
  spawn(
    process.execPath,
    [
      '--import',
      './test/support/from-source.mjs',
      'examples/research-crew/src/main.ts',
      '--approve',
      '--question',
      'What becomes of a workflow that is killed, and how are its steps undone?',
      '--docs',
      docs,
      '--data',
      data,
      ...options,
    ],
    {
      cwd: resolve(import.meta.dirname, '../..'),
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { PATH: process.env['PATH'] },
    },
  );

/** One run of the program. */
export interface Life {
  readonly docs: string;
  readonly data: string;
  readonly options?: readonly string[] | undefined;
  /** Called after each line that it writes, with their number; the next one waits for it. */
  readonly onLine?: ((lines: number, kill: (signal: 'SIGKILL' | 'SIGINT') => void) => unknown) | undefined;
  /** Called when it has begun. @returns ends what it started */
  readonly begun?: ((signal: (name: NodeJS.Signals) => void) => () => Promise<void>) | undefined;
  /** So long it may say nothing before it is taken to hang. Default: 55 s, for machines with ten times as much to do as they can. */
  readonly silenceMs?: number | undefined;
}

/**
 * Runs the program until it ends, or is killed. If it does neither it is asked how it stands, and that is what the error says.
 *
 * @returns its exit code, or the signal that killed it, and all that it wrote
 */
export const live = async ({ docs, data, options = [], onLine, begun, silenceMs = 55_000 }: Life) => {
  const child = crew(docs, data, ...options);
  const exited = once(child, 'exit');
  let output = '';
  child.stderr.on('data', (text) => (output += String(text)));
  let isOverdue = false;
  const askAndKill = async (): Promise<void> => {
    isOverdue = true;
    child.kill('SIGCONT');
    child.kill('SIGUSR2');
    await wait(5_000);
    child.kill('SIGKILL');
  };
  const watchdog = setTimeout(() => void askAndKill(), silenceMs);
  const ended = begun?.((name) => void child.kill(name));
  try {
    let lines = 0;
    await onLine?.(0, (signal) => void child.kill(signal));
    for await (const line of createInterface(child.stdout)) {
      output += `${line}\n`;
      lines += 1;
      watchdog.refresh();
      await onLine?.(lines, (signal) => void child.kill(signal));
    }
    const [code, signal] = await exited;
    const end: string | number = code ?? signal;
    if (isOverdue) {
      throw new Error(
        `The program in ${data} had said nothing for ${silenceMs / 1_000} s. What it wrote, and how it stood:\n${output}`,
      );
    }
    return { end, output };
  } finally {
    clearTimeout(watchdog);
    child.kill('SIGKILL');
    await ended?.();
  }
};

/** Writes the documents that the crew searches. */
export const writeDocuments = async (folder: string): Promise<void> => {
  await mkdir(folder);
  for (const [name, text] of Object.entries(documents)) await writeFile(join(folder, name), text);
};

/** All that came of a research: the report, and how often each event was recorded. */
export const outcomeIn = async (backend: Backend, data: string) => {
  const reports = (await readdir(data)).filter((name) => name.includes('report'));
  const recorded: string[] = [];
  await backend.open();
  try {
    for await (const batch of backend.events.readAll()) {
      for (const { type, data: event } of batch) {
        const { partId, part, round, step } = event as {
          readonly partId?: string;
          readonly part?: { readonly id: string };
          readonly round?: number;
          readonly step?: string;
        };
        recorded.push(`${type} ${partId ?? part?.id ?? round ?? step ?? ''}`.trim());
      }
    }
  } finally {
    await backend.close();
  }
  return {
    reports: await Promise.all(reports.map(async (name) => [name, await readFile(join(data, name), 'utf8')])),
    recorded: recorded.toSorted(),
  };
};
