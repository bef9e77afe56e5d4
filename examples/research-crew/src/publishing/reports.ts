import { open, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';

/** The files of the reports, in the data folder. */
export class Reports {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
  }

  pathOf(file: string): string {
    return join(this.#folder, file);
  }

  /** Writes a report wholly or not at all: whoever sees the file sees all of it, whenever the program is killed. */
  async write(researchId: string, text: string): Promise<{ readonly file: string; readonly bytes: number }> {
    const file = fileOf(researchId);
    const draft = this.pathOf(`.${file}.new`);
    const handle = await open(draft, 'w');
    try {
      await handle.writeFile(text);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(draft, this.pathOf(file));
    return { file, bytes: Buffer.byteLength(text) };
  }

  /** Does nothing if there is none. */
  async remove(researchId: string): Promise<void> {
    await rm(this.pathOf(fileOf(researchId)), { force: true });
  }
}

const fileOf = (researchId: string): string => `report-${researchId}.md`;
