import { randomUUID } from 'node:crypto';
import { link, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { TidemarkError } from '@tidemark/core';

/** The folder belongs to another process, or to another backend of this one: two at once would destroy its data. */
export class FolderInUseError extends TidemarkError {
  readonly code = 'folder-in-use';

  /** @param pid of the process that has it, on the machine `host` */
  constructor(
    readonly folder: string,
    readonly pid: number,
    readonly host: string,
  ) {
    const holder =
      host !== hostname()
        ? `process ${pid} on the machine "${host}", which cannot be seen from here. If it no longer runs, delete ${lockFileOf(folder)}`
        : pid === process.pid
          ? `this very process (${pid}): it opened it before. Use one backend for all, or close the first one`
          : `process ${pid}. Stop that one, or use another folder`;
    super(`The folder "${folder}" is in use by ${holder}. Two at once would destroy the data.`);
  }
}

/** Who holds a folder. */
interface Holder {
  readonly pid: number;
  readonly host: string;
  /** Tells processes apart that had the same id one after the other; empty where the system does not say. */
  readonly startedAt: string;
  /** Tells locks apart. */
  readonly token: string;
}

/** A folder that is ours until {@link release}. */
export interface FolderLock {
  release(): Promise<void>;
}

/** Tokens of the locks that this process holds, or is about to. */
const held = new Set<string>();

const lockFileOf = (folder: string): string => join(folder, 'tidemark.lock');

/**
 * Takes a folder for this process. The lock is a file that says who holds it; it is taken over when its process is dead.
 *
 * @throws {FolderInUseError}
 */
export const lockFolder = async (folder: string): Promise<FolderLock> => {
  const file = lockFileOf(folder);
  const holder: Holder = {
    pid: process.pid,
    host: hostname(),
    startedAt: await startOf(process.pid),
    token: randomUUID(),
  };
  held.add(holder.token);
  try {
    await take(file, holder, folder);
  } catch (error) {
    held.delete(holder.token);
    throw error;
  }
  return {
    async release() {
      if (!held.delete(holder.token)) return;
      if ((await readHolder(file))?.token === holder.token) await rm(file, { force: true });
    },
  };
};

/**
 * Makes the file ours. It comes into being whole: written under another name, then linked, which only one can do.
 *
 * A dead holder's file is replaced by whoever holds a second file, named after that very lock and taken in the same way. Who
 * gets that file looks again: the first one replaces the lock before letting its file go, so that those who come later, having
 * seen the dead holder too, find that it is no longer there.
 */
const take = async (file: string, holder: Holder, folder: string): Promise<void> => {
  while (!(await create(file, holder))) {
    const other = await readHolder(file);
    if (other === undefined) continue;
    if (await isAlive(other)) throw new FolderInUseError(folder, other.pid, other.host);
    const succession = `${file}.${other.token}`;
    await take(succession, holder, folder);
    try {
      if ((await readHolder(file))?.token !== other.token) continue;
      const draft = await write(file, holder);
      await rename(draft, file);
      return;
    } finally {
      await rm(succession, { force: true });
    }
  }
};

/** Writes who we are beside the file. */
const write = async (file: string, holder: Holder): Promise<string> => {
  const draft = `${file}.${randomUUID()}`;
  await writeFile(draft, JSON.stringify(holder));
  return draft;
};

/** Makes the file unless it is there. */
const create = async (file: string, holder: Holder): Promise<boolean> => {
  const draft = await write(file, holder);
  try {
    await link(draft, file);
    return true;
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false;
    throw error;
  } finally {
    await rm(draft, { force: true });
  }
};

/** `undefined` if there is none any more. */
const readHolder = async (file: string): Promise<Holder | undefined> => {
  try {
    return JSON.parse(await readFile(file, 'utf8')) as Holder;
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    if (codeOf(error) !== undefined) throw error;
    // Locks come into being whole: what cannot be read was cut off when the machine lost power, and nobody lives.
    return { pid: 0, host: hostname(), startedAt: '', token: 'unreadable' };
  }
};

const isAlive = async ({ pid, host, startedAt, token }: Holder): Promise<boolean> => {
  if (host !== hostname()) return true;
  if (held.has(token)) return true;
  if (pid <= 0 || !exists(pid)) return false;
  const start = await startOf(pid);
  if (start !== '' && startedAt !== '') return start === startedAt;
  return pid !== process.pid;
};

const exists = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return codeOf(error) !== 'ESRCH';
  }
};

/** When a process began, in ticks since the machine did; where the system shows it (Linux). */
const startOf = async (pid: number): Promise<string> => {
  try {
    const stat = await readFile(`/proc/${pid}/stat`, 'latin1');
    // The second field is the program's name in brackets, and may contain anything; the 22nd is the time.
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? '';
  } catch {
    return '';
  }
};

const codeOf = (error: unknown): unknown =>
  typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined;
