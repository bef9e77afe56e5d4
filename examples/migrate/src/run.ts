import { migrate, type Migration, type MigrationReport } from '@tidemark/core';
import { progressLine } from './progress-line.js';
import { rules } from './rules.js';
import { backendAt } from './stores.js';

/** What the command line asks for. */
export interface RunOptions {
  readonly from: string;
  readonly to: string;
  readonly name: string;
  readonly state?: string | undefined;
  readonly prefix: readonly string[];
  readonly follow: boolean;
  readonly existing: boolean;
  readonly signal?: AbortSignal | undefined;
  readonly show: (line: string) => void;
  /** Called with the migration when it has begun. */
  readonly begun?: ((migration: Migration) => void) | undefined;
}

/** Opens both stores, migrates, and closes them, however it ends. */
export const run = async (options: RunOptions): Promise<MigrationReport> => {
  const source = backendAt(options.from, undefined);
  const target = backendAt(options.to, options.state);
  try {
    await source.open();
    await target.open();
    const migration = migrate({
      name: options.name,
      from: source.events,
      to: target,
      follow: options.follow,
      into: options.existing ? 'existing' : 'empty',
      signal: options.signal,
      onProgress: (progress) => options.show(progressLine(progress)),
      ...rules(options.prefix),
    });
    options.begun?.(migration);
    return await migration.done;
  } finally {
    await target.close();
    await source.close();
  }
};
