import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { Client } from 'pg';
import type { Certificate } from './eventstoredb/self-signed.js';

/** A PostgreSQL server for the tests of one file. */
export interface TestServer {
  readonly connectionString: string;
  /** The name of a schema that nobody else uses. */
  schema(): string;
  /** Stops the server and removes its data; of a server that was given, removes the schemas. */
  close(): Promise<void>;
}

/** A server that the test may do anything to. */
export interface OwnTestServer extends TestServer {
  /** Kills the server as `kill -9` does. */
  kill(): Promise<void>;
  /** Shuts it down: `fast` ends sessions in good order, `immediate` leaves recovery to the next start. */
  shutDown(mode: 'fast' | 'immediate'): Promise<void>;
  /** Lets no file grow beyond 16 MB, as if the disk was full; or lifts that again. Needs `prlimit` of util-linux. */
  setFull(full: boolean): Promise<void>;
  /**
   * Lets one table have no more room on its disk (ENOSPC), or again so for connections that are made from now on. To fill it
   * takes a restart.
   *
   * @param file of the table, as of `pg_relation_filepath`
   */
  setTableFull(file: string, full: boolean): Promise<void>;
  /** Starts it again, on the same port and data. */
  start(): Promise<void>;
}

/** A server of Debian's programs. */
export interface DebianTestServer extends OwnTestServer {
  readonly programs: ServerPrograms;
  /**
   * Makes a standby, which follows it, and lives as long as it does.
   *
   * @returns its connection string
   */
  standby(): Promise<string>;
}

/** The programs that come with a server. */
export interface ServerPrograms {
  /** The folder that they are in: pg_dump, pg_restore, … */
  readonly bin: string;
  /** What their environment has besides ours. */
  readonly env: Readonly<Record<string, string>>;
}

/**
 * Starts a server on a free port. It lives as long as this process, at most.
 *
 * @param certificate with which it also offers TLS. Default: it does not
 */
export const startOwnPostgres = async (
  settings: Readonly<Record<string, string>> = {},
  certificate?: Certificate,
): Promise<OwnTestServer> => (await startGuardian(settings, 'embedded', certificate)).server;

/**
 * Starts a server of the programs that Debian ships: those in the folder `POSTGRES_BIN`, those that are installed, those on
 * the path, or those out of its packages, which are downloaded once.
 */
export const startDebianPostgres = async (): Promise<DebianTestServer> => {
  const { server, programs, tell } = await startGuardian({}, 'debian');
  if (programs === undefined) throw new Error('The server did not say where its programs are.');
  return {
    ...server,
    programs,
    async standby() {
      const url = new URL(server.connectionString);
      url.port = await tell('standby');
      return url.href;
    },
  };
};

const startGuardian = async (
  settings: Readonly<Record<string, string>>,
  kind: 'embedded' | 'debian',
  certificate?: Certificate,
): Promise<{
  readonly server: OwnTestServer;
  readonly programs: ServerPrograms | undefined;
  readonly tell: (command: string) => Promise<string>;
}> => {
  const guardian = spawn(
    process.execPath,
    [
      resolve(import.meta.dirname, 'postgres-guardian.mjs'),
      JSON.stringify(settings),
      kind,
      ...(certificate === undefined ? [] : [JSON.stringify(certificate)]),
    ],
    { stdio: ['pipe', 'pipe', 'inherit'] },
  );
  const exited = once(guardian, 'exit');
  const lines = createInterface(guardian.stdout)[Symbol.asyncIterator]();
  const answer = async (): Promise<string> => {
    const { value, done } = await lines.next();
    if (done === true) throw new Error('The PostgreSQL server for tests has ended; its error is above.');
    return value;
  };
  const tell = (command: string): Promise<string> => {
    guardian.stdin.write(`${command}\n`);
    return answer();
  };
  const done = async (command: string): Promise<void> => {
    await tell(command);
  };
  const { port, password, programs } = JSON.parse(await answer()) as {
    readonly port: number;
    readonly password: string;
    readonly programs?: ServerPrograms | undefined;
  };
  const server: OwnTestServer = {
    connectionString: `postgres://postgres:${password}@127.0.0.1:${port}/postgres`,
    schema: newSchema,
    kill: () => done('kill'),
    shutDown: (mode) => done(mode),
    setFull: (full) => done(full ? 'full' : 'room'),
    setTableFull: (file, full) => done(`${full ? 'fill' : 'clear'} ${file}`),
    start: () => done('start'),
    async close() {
      guardian.stdin.end();
      await exited;
    },
  };
  return { server, programs, tell };
};

/** The server that `POSTGRES_URL` names, or else one of our own. */
export const startPostgres = async (): Promise<TestServer> => {
  const connectionString = process.env['POSTGRES_URL'];
  if (connectionString === undefined) return startOwnPostgres();
  const schemas: string[] = [];
  return {
    connectionString,
    schema() {
      const schema = newSchema();
      schemas.push(schema);
      return schema;
    },
    async close() {
      const client = new Client({ connectionString });
      await client.connect();
      for (const schema of schemas) {
        await client.query(`DROP SCHEMA IF EXISTS ${client.escapeIdentifier(schema)} CASCADE`);
      }
      await client.end();
    },
  };
};

const newSchema = (): string => `test_${randomUUID().replaceAll('-', '')}`;
