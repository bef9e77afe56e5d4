import { access, mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';

/** The data folder has a file where this program keeps something of its own. */
export class ForeignDataError extends Error {
  override readonly name = 'ForeignDataError';
}

const reportFile = /^\.?report-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\.md(\.new)?$/;

/** The folder in which the program keeps its events and reports. It may hold other things, which are left alone. */
export class DataFolder {
  readonly path: string;
  /** Folder of the embedded database. */
  readonly store: string;

  constructor(path: string) {
    this.path = path;
    this.store = join(path, 'events');
  }

  async prepare(): Promise<void> {
    await mkdir(this.path, { recursive: true });
  }

  /**
   * Removes what this program made, and nothing else.
   *
   * @throws {ForeignDataError} what stands in the place of the database is none
   */
  async clear(): Promise<void> {
    const entries = await readdir(this.store).catch(() => []);
    const isDatabase = await access(join(this.store, 'PG_VERSION')).then(
      () => true,
      () => false,
    );
    if (entries.length > 0 && !isDatabase) {
      throw new ForeignDataError(`${this.store} holds no database of this program: it is not removed.`);
    }
    await rm(this.store, { recursive: true, force: true });
    for (const name of await readdir(this.path)) {
      if (reportFile.test(name)) await rm(join(this.path, name), { force: true });
    }
  }
}
