import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { access, constants } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import { fetchDebianPackages, librariesOf } from './debian-packages.mjs';

const run = promisify(execFile);

/**
 * How to start a Redis server, and how to send it a signal.
 *
 * @typedef {object} RedisProgram
 * @property {string} command
 * @property {readonly string[]} args that come before the server's own
 * @property {Readonly<Record<string, string>>} env what its environment has besides ours
 * @property {(child: import('node:child_process').ChildProcess, signal: NodeJS.Signals) => Promise<void>} signal
 */

/** A process of ours is sent the signal itself. */
const directly = async (child, signal) => {
  child.kill(signal);
};

const onPath = async () => {
  for (const folder of (process.env.PATH ?? '').split(delimiter).filter(Boolean)) {
    for (const name of ['redis-server', 'valkey-server']) {
      const command = join(folder, name);
      const runs = await access(command, constants.X_OK).then(
        () => true,
        () => false,
      );
      if (runs) return { command, args: [], env: {}, signal: directly };
    }
  }
  throw new Error('neither redis-server nor valkey-server is on the path');
};

const ofDebian = async () => {
  const folder = await fetchDebianPackages(['redis-server', 'redis-tools']);
  return {
    command: join(folder, 'usr/bin/redis-server'),
    args: [],
    env: await librariesOf(folder),
    signal: directly,
  };
};

/** @param {string} folder that the server keeps its data in */
const inDocker = async (folder) => {
  await run('docker', ['pull', '--quiet', image]);
  const name = `tidemark-test-${randomUUID()}`;
  return {
    command: 'docker',
    args: [
      'run',
      '--rm',
      '--name',
      name,
      '--network',
      'host',
      '--volume',
      `${folder}:${folder}`,
      image,
      'redis-server',
    ],
    env: {},
    async signal(_, signal) {
      await run('docker', ['kill', '--signal', signal, name]);
    },
  };
};

const image = 'redis:7';

/**
 * Finds a Redis server: on the path, else in Debian's packages, else in Docker.
 *
 * @param {string} folder that it will keep its data in
 * @returns {Promise<RedisProgram>}
 * @throws {Error} there is none to be had; it says what was tried, and what to do
 */
export const redisProgram = async (folder) => {
  const failures = [];
  for (const find of [onPath, ofDebian, () => inDocker(folder)]) {
    try {
      return await find();
    } catch (error) {
      failures.push(`- ${String(error.stderr || error.message).trim()}`);
    }
  }
  throw new Error(
    'The tests need a Redis server, and none is to be had: install redis-server or valkey-server, start Docker, ' +
      `or name a running one by REDIS_URL.\n${failures.join('\n')}`,
  );
};
