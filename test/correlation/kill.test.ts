import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as wait } from 'node:timers/promises';
import { expect, it } from '@jest/globals';
import { pglite } from '@tidemark/adapters/pglite';
import { checkDerived } from './expected.js';
import { randomFrom } from './world.js';

const correlatingProcess = (...parameters: readonly (string | number)[]) =>
  spawn(
    process.execPath,
    [
      '--import',
      './test/support/from-source.mjs',
      'test/correlation/correlating-process.ts',
      ...parameters.map(String),
    ],
    { cwd: resolve(import.meta.dirname, '../..'), stdio: ['ignore', 'pipe', 'inherit'] },
  );

it('derives what an undisturbed run derives, on a PGlite folder whose process is killed at random moments', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'tidemark-correlating-'));
  const seed = 1 + Math.floor(Math.random() * 2 ** 30);
  const random = randomFrom(seed);
  try {
    for (let round = 0; round < 6; round += 1) {
      const isLast = round === 5;
      const child = correlatingProcess(folder, 1 + random(1_000_000), round * 10_000, isLast ? 40 : 1_000);
      const exited = once(child, 'exit');
      const lines: string[] = [];
      for await (const line of createInterface(child.stdout)) {
        lines.push(line);
        if (isLast || line !== 'at work') continue;
        await wait(50 + random(900));
        child.kill('SIGKILL');
      }
      expect([seed, round, ...(await exited)]).toEqual([
        seed,
        round,
        ...(isLast ? [0, null] : [null, 'SIGKILL']),
      ]);
      expect(lines.includes('done')).toBe(isLast);
    }
    const backend = pglite({ folder });
    await backend.open();
    try {
      const counts = await checkDerived(backend);
      expect(Math.min(...counts.values())).toBeGreaterThan(0);
    } catch (error) {
      throw new Error(`with seed ${seed}`, { cause: error });
    } finally {
      await backend.close();
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}, 240_000);
