import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { FolderInUseError, pglite } from '@tidemark/adapters/pglite';
import { DataFolder, ForeignDataError } from './data-folder.js';

describe('a fresh start', () => {
  let path = '';
  let folder: DataFolder;

  beforeEach(async () => {
    path = await mkdtemp(join(tmpdir(), 'crew-data-'));
    folder = new DataFolder(path);
  });

  afterEach(async () => {
    await rm(path, { recursive: true, force: true });
  });

  it('removes what this program made, and leaves the rest', async () => {
    const own = 'report-0b2f7c52-6f39-5d0c-9a55-0a4f2f5bb1aa.md';
    for (const name of [own, `.${own}.new`, 'report-of-mine.md', 'notes.txt'])
      await writeFile(join(path, name), 'x');
    // What a process that was killed while it made its database leaves behind.
    await mkdir(join(folder.store, 'data', 'base'), { recursive: true });
    await folder.clearStore();
    await folder.clearReports();
    expect((await readdir(path)).toSorted()).toEqual(['notes.txt', 'report-of-mine.md']);
  });

  it('refuses where there is something else in the place of its database', async () => {
    await mkdir(folder.store);
    await writeFile(join(folder.store, 'thesis.md'), 'x');
    await expect(folder.clearStore()).rejects.toThrow(ForeignDataError);
    expect(await readdir(folder.store)).toEqual(['thesis.md']);
  });

  it('refuses while another process works there', async () => {
    const backend = pglite({ folder: folder.store });
    await backend.open();
    try {
      await expect(folder.clearStore()).rejects.toThrow(FolderInUseError);
    } finally {
      await backend.close();
    }
  });
});
