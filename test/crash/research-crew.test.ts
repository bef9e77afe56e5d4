import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { pglite } from '@tidemark/adapters/pglite';
import { live, outcomeIn, writeDocuments } from './crew-process.js';

/** How often processes are killed in all; `KILLS` asks for more. */
const kills = Number(process.env['KILLS'] ?? 20);
const seed = Number(process.env['SEED'] ?? Math.floor(Math.random() * 2 ** 31));
/** Most kills of one research: after that it may end, so that every stretch of the way is hit. */
const killsPerResearch = 5;
const atOnce = 2;

/** When a process dies: so long after its start, or so long after it has written so many lines. */
interface Death {
  readonly afterLines: number;
  readonly afterMs: number;
}

/** Runs the program until it ends or dies. @returns whether it was killed */
const lives = async (docs: string, data: string, death?: Death): Promise<boolean> => {
  let timer: NodeJS.Timeout | undefined;
  const { end, output } = await live({
    docs,
    data,
    onLine: (lines, kill) => {
      if (death !== undefined && lines >= death.afterLines)
        timer ??= setTimeout(() => kill('SIGKILL'), death.afterMs);
    },
  });
  clearTimeout(timer);
  if (end === 'SIGKILL') return true;
  if (end === 0) return false;
  throw new Error(`Seed ${seed}: the program ended with ${end} in ${data}:\n${output}`);
};

/** All that came of a research that was kept in the folder. */
const outcomeOf = (data: string) => outcomeIn(pglite({ folder: join(data, 'events') }), data);

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
    await writeDocuments(join(folder, 'docs'));
  });

  afterAll(async () => {
    await rm(folder, { recursive: true, force: true });
  });

  it(`always ends with the same report, each recorded step once, over ${kills} kills`, async () => {
    const docs = join(folder, 'docs');
    await lives(docs, join(folder, 'undisturbed'));
    const undisturbed = await outcomeOf(join(folder, 'undisturbed'));
    expect(undisturbed.reports).toHaveLength(1);
    expect(undisturbed.recorded).toContain('research.report-published');

    let killed = 0;
    let researches = 0;
    const killResearches = async (): Promise<void> => {
      while (killed < kills) {
        researches += 1;
        const data = join(folder, `research-${researches}`);
        for (let count = 0; count < killsPerResearch && (await lives(docs, data, someDeath())); count += 1) {
          killed += 1;
        }
        await lives(docs, data);
        expect({ seed, data, ...(await outcomeOf(data)) }).toEqual({ seed, data, ...undisturbed });
        await rm(data, { recursive: true, force: true });
      }
    };
    // Each has ended, so that none goes on behind a failure of another.
    const all = await Promise.allSettled(Array.from({ length: atOnce }, killResearches));
    for (const each of all) if (each.status === 'rejected') throw each.reason;
    process.stdout.write(`seed ${seed}: ${killed} kills of ${researches} researches\n`);
    expect(killed).toBeGreaterThanOrEqual(kills);
  }, 300_000);
});
