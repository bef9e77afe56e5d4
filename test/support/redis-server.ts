import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { Redis } from 'ioredis';
import type { Certificate } from './eventstoredb/self-signed.js';

/** A Redis server for the tests of one file. */
export interface TestRedis {
  readonly url: string;
  /** A key prefix that nobody else uses. */
  prefix(): string;
  /** Stops the server and removes its data; of a server that was given, removes the keys behind the prefixes. */
  close(): Promise<void>;
}

/** A server that the test may do anything to. */
export interface OwnTestRedis extends TestRedis {
  readonly port: number;
  /** Kills the server as `kill -9` does; nothing that it held is kept. */
  kill(): Promise<void>;
  /**
   * Starts it again, on the same port.
   *
   * @param dump of what it has then, as {@link keep} named it. Default: nothing
   */
  start(dump?: string): Promise<void>;
  /** Writes down what it holds now, and names it. */
  keep(): Promise<string>;
  /** Stops the process where it is (SIGSTOP): connections stay open and nobody answers. */
  freeze(): Promise<void>;
  /** Lets it go on (SIGCONT). */
  thaw(): Promise<void>;
  /** Removes everything in it. */
  flush(): Promise<void>;
}

/**
 * Starts a server on a free port. It lives as long as this process, at most.
 *
 * @param settings as in redis.conf
 * @param certificate with which it takes connections over TLS, and no others. Default: no TLS
 */
export const startOwnRedis = async (
  settings: Readonly<Record<string, string>> = {},
  certificate?: Certificate,
): Promise<OwnTestRedis> => {
  const guardian = spawn(
    process.execPath,
    [
      resolve(import.meta.dirname, 'redis-guardian.mjs'),
      JSON.stringify(settings),
      ...(certificate === undefined ? [] : [JSON.stringify(certificate)]),
    ],
    { stdio: ['pipe', 'pipe', 'inherit'] },
  );
  const exited = once(guardian, 'exit');
  const lines = createInterface(guardian.stdout)[Symbol.asyncIterator]();
  const answer = async (): Promise<string> => {
    const { value, done } = await lines.next();
    if (done === true) throw new Error('The Redis server for tests has ended; its error is above.');
    return value;
  };
  const tell = async (command: string): Promise<void> => {
    guardian.stdin.write(`${command}\n`);
    await answer();
  };
  const { port } = JSON.parse(await answer()) as { readonly port: number };
  const url = `redis${certificate === undefined ? '' : 's'}://127.0.0.1:${port}`;
  const ca = certificate?.cert;
  return {
    url,
    port,
    prefix: newPrefix,
    kill: () => tell('kill'),
    start: (dump) => tell(dump === undefined ? 'start' : `start ${dump}`),
    async keep() {
      const dump = `${randomUUID()}.rdb`;
      await withClient(url, (client) => client.save(), ca);
      await tell(`keep ${dump}`);
      return dump;
    },
    freeze: () => tell('freeze'),
    thaw: () => tell('thaw'),
    flush: () => withClient(url, (client) => client.flushall(), ca),
    async close() {
      guardian.stdin.end();
      await exited;
    },
  };
};

/** The server that `REDIS_URL` names, or else one of our own. */
export const startRedis = async (): Promise<TestRedis> => {
  const url = process.env['REDIS_URL'];
  if (url === undefined) return startOwnRedis();
  const prefixes: string[] = [];
  return {
    url,
    prefix() {
      const prefix = newPrefix();
      prefixes.push(prefix);
      return prefix;
    },
    close: () =>
      withClient(url, async (client) => {
        for await (const keys of client.scanStream({ match: 'test_*', count: 1_000 })) {
          const ours = (keys as string[]).filter((key) => prefixes.some((prefix) => key.startsWith(prefix)));
          if (ours.length > 0) await client.unlink(...ours);
        }
      }),
  };
};

const withClient = async (
  url: string,
  work: (client: Redis) => Promise<unknown>,
  ca?: string,
): Promise<void> => {
  const client = new Redis(url, { maxRetriesPerRequest: 1, ...(ca === undefined ? {} : { tls: { ca } }) });
  try {
    await work(client);
  } finally {
    client.disconnect();
  }
};

const newPrefix = (): string => `test_${randomUUID().replaceAll('-', '')}`;
