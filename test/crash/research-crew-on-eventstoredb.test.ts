import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { setTimeout as wait } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { eventStoreDb } from '@tidemark/adapters/eventstoredb';
import { pglite } from '@tidemark/adapters/pglite';
import { memory } from '@tidemark/core';
import { startEventStoreDb, startTestEventStoreDb } from '../support/eventstoredb/start.js';
import { crew, outcomeIn, writeDocuments } from './crew-process.js';

/** How often processes are killed in all; `KILLS` asks for more. */
const kills = Number(process.env['KILLS'] ?? 20);
const seed = Number(process.env['SEED'] ?? Math.floor(Math.random() * 2 ** 31));
/** Most kills of one research: after that it may end, so that every stretch of the way is hit. */
const killsPerResearch = 5;
const atOnce = 2;

/** When a process dies, or is told to stop: so long after its start, or so long after it has written so many lines. */
interface End {
  readonly afterLines: number;
  readonly afterMs: number;
  readonly signal: 'SIGKILL' | 'SIGINT';
}

describe('the research crew on EventStoreDB, with PGlite for its state', () => {
  let folder = '';
  let undisturbed: Awaited<ReturnType<typeof outcomeIn>>;
  let state = seed;
  const random = (below: number): number => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff;
    return Math.floor((state / 0x80000000) * below);
  };
  /** A third of them anywhere, most often while it starts; the others in the midst of the work. */
  const someDeath = (): End =>
    random(3) === 0
      ? { afterLines: 0, afterMs: random(4_000), signal: 'SIGKILL' }
      : { afterLines: 4 + random(22), afterMs: random(60), signal: 'SIGKILL' };

  /** Runs the program until it ends in some way. @returns its exit code, or the signal that killed it */
  const live = async (data: string, connectionString: string | undefined, end?: End) => {
    const options = connectionString === undefined ? [] : ['--backend', connectionString];
    const child = crew(join(folder, 'docs'), data, ...options);
    const exited = once(child, 'exit');
    const errors = text(child.stderr);
    let output = '';
    let lines = 0;
    let timer: NodeJS.Timeout | undefined;
    const lookAtTheClock = (): void => {
      if (end === undefined || lines < end.afterLines) return;
      timer ??= setTimeout(() => child.kill(end.signal), end.afterMs);
    };
    lookAtTheClock();
    for await (const line of createInterface(child.stdout)) {
      output += `${line}\n`;
      lines += 1;
      lookAtTheClock();
    }
    const [code, signal] = await exited;
    clearTimeout(timer);
    const outcome: string | number = code ?? signal;
    if (![0, 130, 'SIGKILL'].includes(outcome)) {
      throw new Error(
        `Seed ${seed}: the program ended with ${outcome} in ${data}:\n${output}${await errors}`,
      );
    }
    return { outcome, output };
  };

  const outcomeOf = (connectionString: string, data: string) =>
    outcomeIn(eventStoreDb({ connectionString, state: memory() }), data);

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'tidemark-crew-'));
    await writeDocuments(join(folder, 'docs'));
    const embedded = join(folder, 'embedded');
    expect(await live(embedded, undefined)).toMatchObject({ outcome: 0 });
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
    const stopped = await live(data, server.connectionString, {
      afterLines: 12,
      afterMs: 0,
      signal: 'SIGINT',
    });
    expect(stopped.output).toContain('in EventStoreDB, all else in');
    expect(stopped).toMatchObject({ outcome: 130 });
    const { outcome, output } = await live(data, server.connectionString);
    expect({ outcome, output }).toMatchObject({
      outcome: 0,
      output: expect.stringContaining('recorded before'),
    });
    expect(await outcomeOf(server.connectionString, data)).toEqual(undisturbed);
    await server.close();
  });

  it(`ends with the same report, each recorded step once, over ${kills} kills and broken connections (SEED=${seed})`, async () => {
    let killed = 0;
    let dropped = 0;
    let researches = 0;
    const killResearches = async (): Promise<void> => {
      while (killed < kills) {
        researches += 1;
        const data = join(folder, `research-${researches}`);
        const server = await startTestEventStoreDb();
        const over = new AbortController();
        const disturb = async (): Promise<void> => {
          while (!over.signal.aborted) {
            await wait(100 + random(900));
            dropped += 1;
            if (random(4) > 0) server.node.dropConnections();
            else {
              await server.node.stop();
              await wait(random(300));
              await server.node.start();
            }
          }
        };
        const disturbing = disturb();
        const { connectionString } = server;
        for (let count = 0; count < killsPerResearch; count += 1) {
          if ((await live(data, connectionString, someDeath())).outcome !== 'SIGKILL') break;
          killed += 1;
        }
        expect(await live(data, connectionString)).toMatchObject({ outcome: 0 });
        over.abort();
        await disturbing;
        expect({ seed, data, ...(await outcomeOf(connectionString, data)) }).toEqual({
          seed,
          data,
          ...undisturbed,
        });
        await server.close();
        await rm(data, { recursive: true, force: true });
      }
    };
    await Promise.all(Array.from({ length: atOnce }, killResearches));
    process.stdout.write(
      `seed ${seed}: ${killed} kills of ${researches} researches, connections dropped ${dropped} times\n`,
    );
    expect(killed).toBeGreaterThanOrEqual(kills);
  }, 600_000);
});
