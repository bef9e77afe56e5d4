import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { FolderInUseError, pglite } from '@tidemark/adapters/pglite';

const appendingProcess = (folder: string, first: number) =>
  spawn(
    process.execPath,
    [
      '--import',
      './test/support/from-source.mjs',
      'test/durability/appending-process.ts',
      folder,
      String(first),
    ],
    { cwd: resolve(import.meta.dirname, '../..'), stdio: ['ignore', 'pipe', 'inherit'] },
  );

describe('a process on a PGlite folder that is killed', () => {
  let folder = '';

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'tidemark-kill-'));
  });

  afterAll(async () => {
    await rm(folder, { recursive: true, force: true });
  });

  it('leaves every acknowledged append, and of no other a part; pitfall 22: nobody else gets the folder meanwhile', async () => {
    const seed = Math.floor(Math.random() * 2 ** 31);
    let state = seed;
    const random = (below: number): number => {
      state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff;
      return state % below;
    };
    let acknowledged = -1;
    for (let round = 0; round < 4; round++) {
      const first = acknowledged + 1_000 - (acknowledged % 1_000);
      const child = appendingProcess(folder, first);
      const exited = once(child, 'exit');
      const killAfter = first + 20 + random(200);
      for await (const line of createInterface(child.stdout)) {
        acknowledged = Number(line);
        if (acknowledged === first) {
          // The child is at work in the folder.
          await expect(pglite({ folder }).open()).rejects.toMatchObject({
            name: FolderInUseError.name,
            pid: child.pid,
          });
        }
        if (acknowledged >= killAfter) child.kill('SIGKILL');
      }
      expect(await exited).toEqual([null, 'SIGKILL']);

      const backend = pglite({ folder });
      await backend.open();
      try {
        const parts = new Map<number, number>();
        for await (const batch of backend.events.readAll()) {
          for (const event of batch) {
            const { n, part } = event.data as { readonly n: number; readonly part: number };
            expect({ seed, n, part }).toEqual({ seed, n, part: parts.get(n) ?? 0 });
            parts.set(n, part + 1);
          }
        }
        const missing = [];
        for (let n = first; n <= acknowledged; n++) if (!parts.has(n)) missing.push(n);
        const halves = [...parts].filter(([n, count]) => count !== (n % 3 === 0 ? 3 : 1));
        expect({ seed, round, missing, halves }).toEqual({ seed, round, missing: [], halves: [] });
      } finally {
        await backend.close();
      }
    }
  }, 120_000);
});
