import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFile, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as wait } from 'node:timers/promises';
import { redisProgram } from './redis-program.mjs';

/*
 * A process that has a Redis server of its own, on a free port and in a new folder; over TLS alone, if the second argument
 * has a certificate. It does what it is told, line by line
 * (`kill`, `start`, `start <dump>`, `keep <dump>`, `freeze`, `thaw`), and answers each with a line. When its input ends,
 * because the test is done or has died, it ends the server and removes the folder.
 */

const freePort = async () => {
  const probe = createServer();
  probe.listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address();
  probe.close();
  await once(probe, 'close');
  return port;
};

/** Waits until someone answers on the port, or the server has ended. */
const answers = async (child) => {
  while (child.exitCode === null && child.signalCode === null) {
    const socket = connect(port, '127.0.0.1');
    const open = await once(socket, 'connect').then(
      () => true,
      () => false,
    );
    socket.destroy();
    if (open) return;
    await wait(10);
  }
  throw new Error(`Redis did not start:\n${log}`);
};

const folder = await mkdtemp(join(tmpdir(), 'tidemark-redis-'));
const port = await freePort();
const settings = Object.entries({
  bind: '127.0.0.1',
  dir: folder,
  // Written only when the test says so.
  save: '',
  appendonly: 'no',
  ...JSON.parse(process.argv[2] ?? '{}'),
}).flatMap(([name, value]) => [`--${name}`, value]);
const certificate = process.argv[3] === undefined ? undefined : JSON.parse(process.argv[3]);
const listening =
  certificate === undefined
    ? ['--port', String(port)]
    : Object.entries({
        '--port': '0',
        '--tls-port': String(port),
        '--tls-auth-clients': 'no',
        '--tls-cert-file': join(folder, 'cert.pem'),
        '--tls-key-file': join(folder, 'key.pem'),
        // Asked for where any certificate is: it is its own authority.
        '--tls-ca-cert-file': join(folder, 'cert.pem'),
      }).flat();
const dumpFile = join(folder, 'dump.rdb');

let log = '';
let program;
let server;

const start = async (dump) => {
  await rm(dumpFile, { force: true });
  if (dump !== undefined) await copyFile(join(folder, dump), dumpFile);
  const child = spawn(program.command, [...program.args, ...listening, ...settings], {
    env: { ...process.env, ...program.env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  child.on('error', (error) => (log += String(error)));
  for (const output of [child.stdout, child.stderr]) {
    output.on('data', (chunk) => (log = (log + chunk).slice(-20_000)));
  }
  server = child;
  await answers(child);
};

const commands = {
  start,
  async kill() {
    const child = server;
    server = undefined;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, 'exit');
    await program.signal(child, 'SIGKILL');
    await exited;
  },
  keep: (dump) => copyFile(dumpFile, join(folder, dump)),
  freeze: () => program.signal(server, 'SIGSTOP'),
  thaw: () => program.signal(server, 'SIGCONT'),
};

// Whoever wants the whole group of processes to end ends this one by closing its input, too.
process.on('SIGINT', () => undefined);
process.on('SIGTERM', () => undefined);

try {
  if (certificate !== undefined) {
    await writeFile(join(folder, 'cert.pem'), certificate.cert);
    await writeFile(join(folder, 'key.pem'), certificate.key);
  }
  program = await redisProgram(folder);
  await start();
  console.log(JSON.stringify({ port }));
  for await (const line of createInterface(process.stdin)) {
    const [command, dump] = line.split(' ');
    await commands[command](dump);
    console.log(command);
  }
} catch (error) {
  console.error(error.message, log);
  process.exitCode = 1;
} finally {
  await commands.kill();
  await rm(folder, { recursive: true, force: true });
}
