import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { eventStoreDb } from '@tidemark/adapters/eventstoredb';
import { pglite } from '@tidemark/adapters/pglite';
import { memory } from '@tidemark/core';
import {
  startEventStoreDb,
  startTestEventStoreDb,
  type SteerableEventStoreDb,
} from '../support/eventstoredb/start.js';
import { live, outcomeIn, writeDocuments } from './crew-process.js';

/** How often processes are killed in all; `KILLS` asks for more. */
const kills = Number(process.env['KILLS'] ?? 8);
/** With `PAUSES=1` processes also stand still now and then, for 1 to 15 s, as on a machine that sleeps. */
const pauses = process.env['PAUSES'] === '1';
const seed = Number(process.env['SEED'] ?? Math.floor(Math.random() * 2 ** 31));
/** Most kills of one research: after that it may end, so that every stretch of the way is hit. */
const killsPerResearch = 4;
const atOnce = 2;

/** When a process dies, or is told to stop: so long after its start, or so long after it has written so many lines. */
interface End {
  readonly afterLines: number;
  readonly afterMs: number;
  readonly signal: 'SIGKILL' | 'SIGINT';
}

/** A whole number from 0, below a limit. */
type Random = (below: number) => number;

const randomFrom = (start: number): Random => {
  let state = start & 0x7fffffff;
  return (below) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff;
    return Math.floor((state / 0x80000000) * below);
  };
};

describe('the research crew on EventStoreDB, with PGlite for its state', () => {
  let folder = '';
  let undisturbed: Awaited<ReturnType<typeof outcomeIn>>;
  /** A third of them anywhere, most often while it starts; the others in the midst of the work. */
  const someDeath = (random: Random): End =>
    random(3) === 0
      ? { afterLines: 0, afterMs: random(4_000), signal: 'SIGKILL' }
      : { afterLines: 4 + random(22), afterMs: random(60), signal: 'SIGKILL' };

  /** Lets a process stand still again and again. @returns ends it */
  const pausing = (random: Random, signal: (name: NodeJS.Signals) => void) => {
    const over = new AbortController();
    const pause = async (): Promise<void> => {
      while (!over.signal.aborted) {
        await wait(300 + random(3_000), undefined, { signal: over.signal });
        signal('SIGSTOP');
        await wait(1_000 + random(14_000), undefined, { signal: over.signal }).finally(() =>
          signal('SIGCONT'),
        );
      }
    };
    const done = pause().catch(() => undefined);
    return async (): Promise<void> => {
      over.abort();
      await done;
    };
  };

  /** Runs the program until it ends in some way. @returns its exit code, or the signal that killed it */
  const run = async (data: string, connectionString?: string, end?: End, random?: Random) => {
    let timer: NodeJS.Timeout | undefined;
    const { end: outcome, output } = await live({
      docs: join(folder, 'docs'),
      data,
      options: connectionString === undefined ? [] : ['--backend', connectionString],
      onLine: (lines, kill) => {
        if (end === undefined || lines < end.afterLines) return;
        timer ??= setTimeout(() => kill(end.signal), end.afterMs);
      },
      ...(pauses && random !== undefined
        ? { begun: (signal) => pausing(random, signal), silenceMs: 200_000 }
        : {}),
    });
    clearTimeout(timer);
    if (![0, 130, 'SIGKILL'].includes(outcome)) {
      throw new Error(`Seed ${seed}: the program ended with ${outcome} in ${data}:\n${output}`);
    }
    return { outcome, output };
  };

  const outcomeOf = (connectionString: string, data: string) =>
    outcomeIn(eventStoreDb({ connectionString, state: memory() }), data);

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'tidemark-crew-'));
    await writeDocuments(join(folder, 'docs'));
    const embedded = join(folder, 'embedded');
    expect(await run(embedded)).toMatchObject({ outcome: 0 });
    undisturbed = await outcomeIn(pglite({ folder: join(embedded, 'events') }), embedded);
    expect(undisturbed.recorded).toContain('research.report-published');
  }, 120_000);
  afterAll(async () => {
    await rm(folder, { recursive: true, force: true });
  });

  // On a server that `EVENTSTOREDB_URL` names, which must be empty.
  it('ends as on the embedded database, also when it was stopped and goes on', async () => {
    const server = await startEventStoreDb();
    const data = join(folder, 'stopped');
    const stopped = await run(data, server.connectionString, {
      afterLines: 12,
      afterMs: 0,
      signal: 'SIGINT',
    });
    expect(stopped.output).toContain('in EventStoreDB, all else in');
    expect(stopped).toMatchObject({ outcome: 130 });
    const { outcome, output } = await run(data, server.connectionString);
    expect({ outcome, output }).toMatchObject({
      outcome: 0,
      output: expect.stringContaining('recorded before'),
    });
    expect(await outcomeOf(server.connectionString, data)).toEqual(undisturbed);
    await server.close();
  });

  it(
    `ends with the same report, each recorded step once, over ${kills} kills and broken connections (SEED=${seed})`,
    async () => {
      const done = { killed: 0, dropped: 0, researches: 0 };
      const disturb = async ({ node }: SteerableEventStoreDb, random: Random, over: AbortSignal) => {
        while (!over.aborted) {
          await wait(100 + random(900));
          done.dropped += 1;
          if (random(4) > 0) node.dropConnections();
          else {
            await node.stop();
            await wait(random(300));
            await node.start();
          }
        }
      };
      const killResearch = async (data: string, random: Random): Promise<void> => {
        const server = await startTestEventStoreDb();
        const over = new AbortController();
        const disturbing = disturb(server, randomFrom(random(2 ** 30)), over.signal);
        const { connectionString } = server;
        try {
          for (let count = 0; count < killsPerResearch; count += 1) {
            const { outcome } = await run(data, connectionString, someDeath(random), random);
            if (outcome !== 'SIGKILL') break;
            done.killed += 1;
          }
          expect(await run(data, connectionString, undefined, random)).toMatchObject({ outcome: 0 });
          over.abort();
          await disturbing;
          expect({ seed, data, ...(await outcomeOf(connectionString, data)) }).toEqual({
            seed,
            data,
            ...undisturbed,
          });
        } finally {
          over.abort();
          await disturbing;
          await server.close();
        }
        await rm(data, { recursive: true, force: true });
      };
      const killResearches = async (): Promise<void> => {
        while (done.killed < kills) {
          done.researches += 1;
          const number = done.researches;
          await killResearch(join(folder, `research-${number}`), randomFrom(seed + number));
        }
      };
      // Each has ended, so that none goes on behind a failure of another.
      const all = await Promise.allSettled(Array.from({ length: atOnce }, killResearches));
      for (const each of all) if (each.status === 'rejected') throw each.reason;
      process.stdout.write(
        `seed ${seed}: ${done.killed} kills of ${done.researches} researches, connections dropped ${done.dropped} times\n`,
      );
      expect(done.killed).toBeGreaterThanOrEqual(kills);
    },
    pauses ? 3_600_000 : 300_000,
  );
});
