import { mkdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { PGlite } from '@electric-sql/pglite';
import { lockFolder, type FolderLock } from './folder-lock.js';

/** A database and, where it lies in a folder, the lock on it. */
export interface OpenDatabase {
  readonly database: PGlite;
  readonly lock: FolderLock | undefined;
}

/** How many databases in memory were opened by this process. */
let openedInMemory = 0;

/** An empty database, ready to be copied. */
let template: Promise<Blob> | undefined;

/**
 * Making a database takes seconds, copying an empty one far less. A process that opens a second one in memory, as tests do,
 * will likely open more: from then on it keeps a copy.
 */
const openInMemory = async (): Promise<PGlite> => {
  openedInMemory += 1;
  if (openedInMemory === 1) return PGlite.create();
  template ??= PGlite.create().then(async (database) => {
    const dump = await database.dumpDataDir('none');
    await database.close();
    return dump;
  });
  return PGlite.create({ loadDataDir: await template });
};

/**
 * Opens the database of a folder, which is made if it is missing, or a new one in memory.
 *
 * @throws {FolderInUseError}
 */
export const openDatabase = async (folder: string | undefined): Promise<OpenDatabase> => {
  if (folder === undefined) return { database: await openInMemory(), lock: undefined };
  const path = resolve(folder);
  await mkdir(path, { recursive: true });
  const lock = await lockFolder(path);
  try {
    // Every commit is in the file system before it is answered.
    return { database: await PGlite.create({ dataDir: join(path, 'data'), relaxedDurability: false }), lock };
  } catch (error) {
    await lock.release();
    throw error;
  }
};
