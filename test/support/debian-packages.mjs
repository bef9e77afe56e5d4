import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, readdir, rename, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

/*
 * Programs for tests out of Debian's (or Ubuntu's) own packages, downloaded and unpacked into a folder of the user's cache.
 * Nothing is installed, nothing outside of that folder changes, and it needs no rights.
 */

const run = promisify(execFile);

/**
 * Downloads and unpacks packages, together with those that they depend on and that this system lacks. Once done it is
 * kept: the next call, of whatever process, finds the folder. Several at a time may call it.
 *
 * @param {readonly string[]} names of packages, as apt knows them
 * @returns {Promise<string>} the folder that stands for `/` in the packages
 * @throws {Error} this is no Debian, or the packages cannot be had; it says why
 */
export const fetchDebianPackages = async (names) => {
  const cache = cacheFolder();
  const folder = join(cache, `${names[0]}-${await fingerprint(names)}`);
  if (existsSync(folder)) return folder;
  await mkdir(cache, { recursive: true });
  // Made beside its place and then moved: it is there wholly or not at all, and of two who make it, one wins.
  const work = await mkdtemp(join(cache, 'unpacking-'));
  try {
    await unpack(work, names);
    await rename(join(work, 'unpacked'), folder).catch((error) => {
      if (!existsSync(folder)) throw error;
    });
    return folder;
  } finally {
    await rm(work, { recursive: true, force: true });
  }
};

/**
 * What a program out of such a folder needs in its environment so as to find its libraries.
 *
 * @param {string} folder as {@link fetchDebianPackages} gave it
 * @returns {Promise<Readonly<Record<string, string>>>}
 */
export const librariesOf = async (folder) => {
  const places = [];
  for (const parent of ['usr/lib', 'lib'].map((path) => join(folder, path))) {
    const found = existsSync(parent) ? await readdir(parent) : [];
    places.push(...found.filter((name) => /-linux-/.test(name)).map((name) => join(parent, name)));
  }
  return { LD_LIBRARY_PATH: [...places, process.env.LD_LIBRARY_PATH ?? ''].filter(Boolean).join(':') };
};

const cacheFolder = () =>
  join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'tidemark', 'debian-packages');

/** Packages of one release and architecture are of no use to another. */
const fingerprint = async (names) => {
  const release = await readFile('/etc/os-release', 'utf8').catch(() => '');
  return createHash('sha256')
    .update(JSON.stringify([names, release, process.arch]))
    .digest('hex')
    .slice(0, 16);
};

const unpack = async (work, names) => {
  const download = async (options) => {
    const needed = await missing(names, options);
    await run('apt-get', [...options, 'download', ...needed], { cwd: work });
  };
  // As root, apt would download as a user that cannot write here.
  const asMyself = ['-o', 'APT::Sandbox::User='];
  try {
    await download(asMyself);
  } catch {
    // The system's lists are missing or out of date; they are not ours to change.
    const lists = await ownLists(work, asMyself);
    await download(lists);
  }
  const unpacked = join(work, 'unpacked');
  await mkdir(unpacked);
  for (const file of await readdir(work)) {
    if (file.endsWith('.deb')) await run('dpkg-deb', ['-x', join(work, file), unpacked]);
  }
};

/** The names, and the names of all that an installation would bring along. */
const missing = async (names, options) => {
  const simulation = ['-o', 'Debug::NoLocking=true', '--print-uris', '--no-install-recommends', '-y'];
  const { stdout } = await run('apt-get', [...options, ...simulation, 'install', ...names]);
  const files = [...stdout.matchAll(/^'[^']*' ([^_\s]+)_\S+\.deb /gm)];
  return [...new Set([...names, ...files.map(([, name]) => name)])];
};

/** Lists of packages of our own. */
const ownLists = async (work, options) => {
  const state = join(work, 'state');
  const lists = join(state, 'lists');
  const cache = join(work, 'cache');
  await mkdir(join(lists, 'partial'), { recursive: true });
  await mkdir(join(cache, 'archives', 'partial'), { recursive: true });
  const places = {
    'Dir::State': state,
    'Dir::State::lists': lists,
    'Dir::State::status': '/var/lib/dpkg/status',
    'Dir::Cache': cache,
  };
  const own = [...options, ...Object.entries(places).flatMap(([name, path]) => ['-o', `${name}=${path}`])];
  await run('apt-get', [...own, 'update']);
  return own;
};
