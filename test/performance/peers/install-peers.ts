import { execFile } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

/** The versions that are compared. They are no dependencies of ours: they are there only when asked for. */
const versions = {
  '@event-driven-io/emmett': '0.42.0',
  '@event-driven-io/emmett-postgresql': '0.42.0',
  '@event-driven-io/pongo': '0.16.11',
  '@eventide/message-db': '1.3.1',
};

const folder = join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'tidemark', 'peers');
const manifest = join(folder, 'package.json');

/** Installs them into a cache folder outside of the project; quick when they are there. */
export const installPeers = async (): Promise<void> => {
  await mkdir(folder, { recursive: true });
  await writeFile(manifest, JSON.stringify({ private: true, type: 'module', dependencies: versions }));
  await promisify(execFile)('npm', ['install', '--no-audit', '--no-fund'], { cwd: folder });
};

/** The path of something in them. */
export const peerPath = (specifier: string): string => createRequire(manifest).resolve(specifier);
