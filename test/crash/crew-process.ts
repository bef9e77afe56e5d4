import { spawn } from 'node:child_process';
import { mkdir, readFile, readdir, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
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
export const crew = (docs: string, data: string, ...options: readonly string[]) =>
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
