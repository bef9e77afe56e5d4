import { once } from 'node:events';
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { readDocuments } from './read-documents.js';

describe('reading the documents', () => {
  let folder = '';

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'crew-docs-'));
  });

  afterEach(async () => {
    await rm(folder, { recursive: true, force: true });
  });

  it('says that there is no folder, that it is a file, or that it is empty', async () => {
    await expect(readDocuments({ folder: join(folder, 'none') })).rejects.toThrow('There is no folder');
    await writeFile(join(folder, 'a.md'), '# A');
    await expect(readDocuments({ folder: join(folder, 'a.md') })).rejects.toThrow('is a file');
    await rm(join(folder, 'a.md'));
    await expect(readDocuments({ folder })).rejects.toThrow('is empty');
  });

  it('says of each file why nothing can be read', async () => {
    await writeFile(join(folder, 'a.md'), Buffer.from([1, 0, 2]));
    await expect(readDocuments({ folder })).rejects.toThrow(/No file .* a\.md: is binary/s);
  });

  it('passes over what is no document, with the reason, and reads the rest, at any depth', async () => {
    await mkdir(join(folder, 'deep', 'deeper'), { recursive: true });
    await mkdir(join(folder, '.hidden'));
    await mkdir(join(folder, 'node_modules'));
    await writeFile(join(folder, 'deep', 'deeper', 'good.md'), '\uFEFFGood.');
    await writeFile(join(folder, '.hidden', 'secret.md'), 'Not for you.');
    await writeFile(join(folder, 'node_modules', 'readme.md'), 'Not ours.');
    await writeFile(join(folder, 'binary.md'), Buffer.from([65, 0, 66]));
    await writeFile(join(folder, 'latin.txt'), Buffer.from([0x67, 0xfc, 0x6e]));
    await writeFile(join(folder, 'huge.txt'), Buffer.alloc(6 * 1024 * 1024, 'a'));
    await writeFile(join(folder, 'photo.png'), 'png');
    await symlink(join(folder, 'nowhere'), join(folder, 'broken.md'));
    await symlink(folder, join(folder, 'circle'));
    const socket = createServer().listen(join(folder, 'pipe.md'));
    await once(socket, 'listening');

    const { documents, passedOver } = await readDocuments({ folder });
    socket.close();
    expect(documents).toEqual([{ name: 'deep/deeper/good.md', text: 'Good.' }]);
    expect(passedOver).toEqual([
      { name: 'binary.md', reason: 'is binary' },
      { name: 'broken.md', reason: 'is a link to nothing' },
      { name: 'circle', reason: 'is a link to a folder' },
      { name: 'huge.txt', reason: 'is too large (6 MB; at most 5)' },
      { name: 'latin.txt', reason: 'is not text in UTF-8' },
      { name: 'pipe.md', reason: 'is no ordinary file' },
      { name: 'photo.png', reason: expect.stringContaining('of another kind than .md') },
    ]);
  });

  it('reads only what the shelf names, and misses nothing that is not there', async () => {
    await writeFile(join(folder, 'one.md'), 'One.');
    await writeFile(join(folder, 'two.md'), 'Two.');
    const { documents, passedOver } = await readDocuments({ folder, only: ['one.md', 'docs'] });
    expect(documents.map(({ name }) => name)).toEqual(['one.md']);
    expect(passedOver).toEqual([]);
  });

  it('has the same digest for the same documents alone', async () => {
    await writeFile(join(folder, 'one.md'), 'One.');
    const { digest } = await readDocuments({ folder });
    expect((await readDocuments({ folder })).digest).toBe(digest);
    await writeFile(join(folder, 'one.md'), 'One!');
    expect((await readDocuments({ folder })).digest).not.toBe(digest);
  });
});
