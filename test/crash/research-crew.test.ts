import { spawn } from 'node:child_process';
import { mkdir, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { pglite } from '@tidemark/adapters/pglite';

/** How often processes are killed in all; `KILLS` asks for more. */
const kills = Number(process.env['KILLS'] ?? 50);
const seed = Number(process.env['SEED'] ?? Math.floor(Math.random() * 2 ** 31));
/** Most kills of one research: after that it may end, so that every stretch of the way is hit. */
const killsPerResearch = 7;
const atOnce = 2;

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
const crew = (docs: string, data: string) =>
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
    ],
    {
      cwd: resolve(import.meta.dirname, '../..'),
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { PATH: process.env['PATH'] },
    },
  );

/** When a process dies: so long after its start, or so long after it has written so many lines. */
interface Death {
  readonly afterLines: number;
  readonly afterMs: number;
}

const never: Death = { afterLines: Number.POSITIVE_INFINITY, afterMs: 0 };

/** Runs the program until it ends or dies. @returns whether it was killed */
const live = async (docs: string, data: string, death: Death): Promise<boolean> => {
  const child = crew(docs, data);
  const exited = new Promise<string | number | null>((resolved, failed) => {
    child.once('error', failed).once('exit', (code, signal) => resolved(signal ?? code));
  });
  let output = '';
  child.stderr.on('data', (text) => (output += String(text)));
  let lines = 0;
  let timer: NodeJS.Timeout | undefined;
  const lookAtTheClock = (): void => {
    if (lines >= death.afterLines) timer ??= setTimeout(() => child.kill('SIGKILL'), death.afterMs);
  };
  lookAtTheClock();
  for await (const line of createInterface(child.stdout)) {
    output += `${line}\n`;
    lines += 1;
    lookAtTheClock();
  }
  const end = await exited;
  clearTimeout(timer);
  if (end === 'SIGKILL') return true;
  if (end === 0) return false;
  throw new Error(`Seed ${seed}: the program ended with ${end} in ${data}:\n${output}`);
};

/** All that came of a research: the report, and how often each event was recorded. */
const outcomeOf = async (data: string) => {
  const reports = (await readdir(data)).filter((name) => name.includes('report'));
  const backend = pglite({ folder: join(data, 'events') });
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

describe('the research crew, killed at any moment', () => {
  let folder = '';
  let state = seed;
  const random = (below: number): number => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff;
    return Math.floor((state / 0x80000000) * below);
  };
  /** Half of them anywhere, most often while it starts; half of them in the midst of the work. */
  const someDeath = (): Death =>
    random(2) === 0
      ? { afterLines: 0, afterMs: random(3_000) }
      : { afterLines: 4 + random(22), afterMs: random(40) };

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'tidemark-crew-'));
    await mkdir(join(folder, 'docs'));
    for (const [name, text] of Object.entries(documents)) await writeFile(join(folder, 'docs', name), text);
  });

  afterAll(async () => {
    await rm(folder, { recursive: true, force: true });
  });

  it(`always ends with the same report, each recorded step once, over ${kills} kills`, async () => {
    const docs = join(folder, 'docs');
    await live(docs, join(folder, 'undisturbed'), never);
    const undisturbed = await outcomeOf(join(folder, 'undisturbed'));
    expect(undisturbed.reports).toHaveLength(1);
    expect(undisturbed.recorded).toContain('research.report-published');

    let killed = 0;
    let researches = 0;
    const killResearches = async (): Promise<void> => {
      while (killed < kills) {
        researches += 1;
        const data = join(folder, `research-${researches}`);
        for (let count = 0; count < killsPerResearch && (await live(docs, data, someDeath())); count += 1) {
          killed += 1;
        }
        await live(docs, data, never);
        expect({ seed, data, ...(await outcomeOf(data)) }).toEqual({ seed, data, ...undisturbed });
        await rm(data, { recursive: true, force: true });
      }
    };
    await Promise.all(Array.from({ length: atOnce }, killResearches));
    process.stdout.write(`seed ${seed}: ${killed} kills of ${researches} researches\n`);
    expect(killed).toBeGreaterThanOrEqual(kills);
  }, 600_000);
});
