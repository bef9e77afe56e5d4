import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { Client } from 'pg';

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
  /** Starts it again, on the same port and data. */
  start(): Promise<void>;
}

/** The programs that come with a server. */
export interface ServerPrograms {
  /** The folder that they are in: pg_dump, pg_restore, … */
  readonly bin: string;
  /** What their environment has besides ours. */
  readonly env: Readonly<Record<string, string>>;
}

/** Starts a server on a free port. It lives as long as this process, at most. */
export const startOwnPostgres = async (
  settings: Readonly<Record<string, string>> = {},
): Promise<OwnTestServer> => (await startGuardian(settings, 'embedded')).server;

/**
 * Starts a server of the programs that Debian ships: those in the folder `POSTGRES_BIN`, those that are installed, those on
 * the path, or those out of its packages, which are downloaded once.
 */
export const startDebianPostgres = async (): Promise<
  OwnTestServer & { readonly programs: ServerPrograms }
> => {
  const { server, programs } = await startGuardian({}, 'debian');
  if (programs === undefined) throw new Error('The server did not say where its programs are.');
  return { ...server, programs };
};

const startGuardian = async (
  settings: Readonly<Record<string, string>>,
  kind: 'embedded' | 'debian',
): Promise<{ readonly server: OwnTestServer; readonly programs: ServerPrograms | undefined }> => {
  const guardian = spawn(
    process.execPath,
    [resolve(import.meta.dirname, 'postgres-guardian.mjs'), JSON.stringify(settings), kind],
    { stdio: ['pipe', 'pipe', 'inherit'] },
  );
  const exited = once(guardian, 'exit');
  const lines = createInterface(guardian.stdout)[Symbol.asyncIterator]();
  const answer = async (): Promise<string> => {
    const { value, done } = await lines.next();
    if (done === true) throw new Error('The PostgreSQL server for tests has ended; its error is above.');
    return value;
  };
  const tell = async (command: string): Promise<void> => {
    guardian.stdin.write(`${command}\n`);
    await answer();
  };
  const { port, password, programs } = JSON.parse(await answer()) as {
    readonly port: number;
    readonly password: string;
    readonly programs?: ServerPrograms | undefined;
  };
  const server: OwnTestServer = {
    connectionString: `postgres://postgres:${password}@127.0.0.1:${port}/postgres`,
    schema: newSchema,
    kill: () => tell('kill'),
    shutDown: (mode) => tell(mode),
    setFull: (full) => tell(full ? 'full' : 'room'),
    start: () => tell('start'),
    async close() {
      guardian.stdin.end();
      await exited;
    },
  };
  return { server, programs };
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
