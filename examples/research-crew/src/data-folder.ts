import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { FolderInUseError, pglite } from '@tidemark/adapters/pglite';

/** The data folder holds something of somebody else's where this program keeps its own. */
export class ForeignDataError extends Error {
  override readonly name = 'ForeignDataError';
}

const reportFile = /^\.?report-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\.md(\.new)?$/;

/** What the embedded database keeps in its folder. */
const databaseEntry = /^(data|tidemark\.lock.*)$/;

/** The folder in which the program keeps its events and reports. It may hold other things, which are left alone. */
export class DataFolder {
  readonly path: string;
  /** Folder of the embedded database. */
  readonly store: string;
  /** Folder of the embedded database for all that is not an event, where events are on a server that keeps nothing else. */
  readonly state: string;

  constructor(path: string) {
    this.path = path;
    this.store = join(path, 'events');
    this.state = join(path, 'state');
  }

  async prepare(): Promise<void> {
    await mkdir(this.path, { recursive: true });
  }

  /** Removes the reports that this program made, and nothing else. */
  async clearReports(): Promise<void> {
    for (const name of await readdir(this.path)) {
      if (reportFile.test(name)) await rm(join(this.path, name), { force: true });
    }
  }

  /**
   * Removes the embedded database, and nothing else.
   *
   * @throws {ForeignDataError} what stands in the place of the database is none
   * @throws {FolderInUseError} another process works on it
   */
  async clearStore(): Promise<void> {
    const entries = await readdir(this.store).catch(() => []);
    if (!entries.every((name) => databaseEntry.test(name))) {
      throw new ForeignDataError(
        `${this.store} holds more than the database of this program: it is not removed.`,
      );
    }
    if (entries.length > 0) await refuseIfInUse(this.store);
    await rm(this.store, { recursive: true, force: true });
  }
}

/** Opening takes the folder's lock. A database that is too broken to be opened is just what a fresh start is for. */
const refuseIfInUse = async (store: string): Promise<void> => {
  const backend = pglite({ folder: store });
  try {
    await backend.open();
  } catch (error) {
    if (error instanceof FolderInUseError) throw error;
  } finally {
    await backend.close();
  }
};
