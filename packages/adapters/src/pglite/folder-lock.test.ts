import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { FolderInUseError, lockFolder } from './folder-lock.js';

let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tidemark-lock-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const file = (): string => join(folder, 'tidemark.lock');
const put = (holder: object): Promise<void> => writeFile(file(), JSON.stringify(holder));
const foreign = { host: hostname(), startedAt: '', token: 'of another' };

const endedProcess = async (): Promise<number> => {
  const child = spawn(process.execPath, ['-e', '']);
  await once(child, 'exit');
  return child.pid ?? -1;
};

describe('the lock of a folder', () => {
  it('pitfall 22: is had by one at a time in this process too, and had again once let go', async () => {
    const first = await lockFolder(folder);
    const error = await lockFolder(folder).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(FolderInUseError);
    expect(error).toMatchObject({ code: 'folder-in-use', folder, pid: process.pid });
    expect(String(error)).toContain('this very process');
    await first.release();
    await first.release();
    const second = await lockFolder(folder);
    await second.release();
    expect(await readdir(folder)).toEqual([]);
  });

  it('pitfall 22: of many who want it at once, one gets it', async () => {
    const dead = await endedProcess();
    await put({ ...foreign, pid: dead });
    for (let round = 0; round < 20; round++) {
      const outcomes = await Promise.allSettled(Array.from({ length: 20 }, () => lockFolder(folder)));
      const locks = outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []));
      expect(locks).toHaveLength(1);
      expect(await readdir(folder)).toEqual(['tidemark.lock']);
      await locks[0]?.release();
      await put({ ...foreign, token: `of another ${round}`, pid: dead });
    }
  });

  it('pitfall 22: of a living process is respected, and its id named', async () => {
    const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)']);
    try {
      await put({ ...foreign, pid: child.pid });
      const error = await lockFolder(folder).catch((reason: unknown) => reason);
      expect(error).toMatchObject({ pid: child.pid, host: hostname() });
      expect(String(error)).toContain(`process ${child.pid}. Stop that one`);
    } finally {
      const exited = once(child, 'exit');
      child.kill('SIGKILL');
      await exited;
    }
    await (await lockFolder(folder)).release();
  });

  it('of a dead process is taken over', async () => {
    await put({ ...foreign, pid: await endedProcess() });
    const lock = await lockFolder(folder);
    expect(JSON.parse(await readFile(file(), 'utf8'))).toMatchObject({ pid: process.pid });
    await lock.release();
  });

  it('of a process that had the same id before is taken over', async () => {
    await put({ ...foreign, pid: process.pid, startedAt: 'at another time' });
    await (await lockFolder(folder)).release();
    expect(await readdir(folder)).toEqual([]);
  });

  it('of another machine is respected, and the file to delete named', async () => {
    await put({ ...foreign, pid: 1, host: 'elsewhere.example' });
    const error = await lockFolder(folder).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ pid: 1, host: 'elsewhere.example' });
    expect(String(error)).toContain(file());
  });

  it('is taken over too from one who died while taking it over', async () => {
    const dead = await endedProcess();
    await put({ ...foreign, pid: dead });
    await writeFile(
      `${file()}.of another`,
      JSON.stringify({ ...foreign, pid: dead, token: 'of the second' }),
    );
    await (await lockFolder(folder)).release();
    expect(await readdir(folder)).toEqual([]);
  });

  it('that was cut off is taken over', async () => {
    await writeFile(file(), '{"pi');
    await (await lockFolder(folder)).release();
    expect(await readdir(folder)).toEqual([]);
  });

  it('that someone else has meanwhile is not taken from them', async () => {
    const lock = await lockFolder(folder);
    await put({ ...foreign, pid: 1, host: 'elsewhere.example' });
    await lock.release();
    expect(JSON.parse(await readFile(file(), 'utf8'))).toMatchObject({ host: 'elsewhere.example' });
  });

  it('fails where there is no folder', async () => {
    await expect(lockFolder(join(folder, 'missing'))).rejects.toMatchObject({ code: 'ENOENT' });
  });
});
