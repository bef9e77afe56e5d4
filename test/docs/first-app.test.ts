import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, it } from '@jest/globals';
import { rootPath } from './pages.js';

const run = promisify(execFile);

it('tells its story, and tells the same one when it is started again', async () => {
  const cwd = await mkdtemp(join(tmpdir(), 'tidemark-docs-'));
  const start = async (): Promise<string> => {
    const source = [
      '--import',
      rootPath('test/support/from-source.mjs'),
      rootPath('test/docs/first-app/main.ts'),
    ];
    const { stdout } = await run(process.execPath, source, { cwd });
    return stdout;
  };
  const first = await start();
  expect(first).toMatch(/^started with key b1\nstep research\/tides requested: command task.assign\n/);
  expect(first).toContain("completed { report: 'writer on ");
  expect(first).toMatch(/\{ open: 0, finished: 2 \}\n$/);
  expect(await start()).toBe(first);
  await rm(cwd, { recursive: true });
});
