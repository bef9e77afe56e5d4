import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { AccessControl, type User } from './access-control.js';
import { EventLog } from './event-log.js';
import type { Database, Member } from './node-context.js';
import { TestNode } from './node.js';
import { Groups } from './persistent/groups.js';
import { type Certificate, selfSigned } from './self-signed.js';

/** What a test may ask of a server. */
export interface StartOptions {
  /** The largest append, in bytes of data; 1 MiB by default, as with the real server. */
  readonly maxAppendSize?: number | undefined;
  /** Serves TLS with a certificate of its own, and asks for users; off by default. */
  readonly secure?: boolean | undefined;
  /** Users beside `admin` and `ops` (both with the password `changeit`). */
  readonly users?: readonly User[] | undefined;
  /** How many nodes share the log; 1 by default. The first one leads. */
  readonly nodes?: number | undefined;
  /** The log to go on with, of a server that was closed. */
  readonly database?: Database | undefined;
}

/** A server, or cluster, of EventStoreDB for tests. */
export interface EventStoreDb {
  /** For the client; with a cluster it discovers the leader by gossip. */
  readonly connectionString: string;
  /** The path of the certificate that signs those of the nodes, where they serve TLS. */
  readonly certificateFile: string | undefined;
  close(): Promise<void>;
}

/** A test server, which can be steered. */
export interface SteerableEventStoreDb extends EventStoreDb {
  readonly nodes: readonly TestNode[];
  /** The first node, which is all there is without a cluster. */
  readonly node: TestNode;
  readonly database: Database;
  /** A connection string for one node alone. */
  connectionStringOf(node: TestNode): string;
  /** Makes a node the leader. */
  elect(node: TestNode): void;
  /** Stops a node; if it led, the next one that is up takes over. */
  lose(node: TestNode): Promise<void>;
}

/** The server that `EVENTSTOREDB_URL` names (which takes no faults), or else a test server. */
export const startEventStoreDb = async (options: StartOptions = {}): Promise<EventStoreDb> => {
  const connectionString = process.env['EVENTSTOREDB_URL'];
  if (connectionString === undefined) return startTestEventStoreDb(options);
  return { connectionString, certificateFile: undefined, close: () => Promise.resolve() };
};

/** Starts a test server on a free port of this machine. It holds everything in memory. */
export const startTestEventStoreDb = async (options: StartOptions = {}): Promise<SteerableEventStoreDb> => {
  const secure = options.secure === true;
  const database = options.database ?? emptyDatabase(secure, options.users);
  const certificate = secure ? selfSigned() : undefined;
  const authority = certificate === undefined ? undefined : await writeCertificate(certificate);
  const nodes: TestNode[] = [];
  let leader: TestNode | undefined;
  const members = (): readonly Member[] =>
    nodes.map((node) => ({
      id: node.id,
      host: '127.0.0.1',
      port: node.port,
      leads: node === leader,
      alive: node.isUp,
    }));
  for (let started = 0; started < (options.nodes ?? 1); started += 1) {
    const maxAppendSize = options.maxAppendSize ?? 1024 * 1024;
    const node = new TestNode({ database, maxAppendSize, certificate, members });
    await node.start();
    nodes.push(node);
    leader ??= node;
  }
  const urlOf = (of: readonly TestNode[]): string => {
    // TLS asks for a name; the protocol's other ways do without looking one up.
    const host = secure ? 'localhost' : '127.0.0.1';
    const hosts = of.map(({ port }) => `${host}:${port}`).join(',');
    const user = secure ? 'admin:changeit@' : '';
    const tls = authority === undefined ? 'tls=false' : `tls=true&tlsCAFile=${authority.file}`;
    return `esdb://${user}${hosts}?${tls}`;
  };
  const [first] = nodes;
  if (first === undefined) throw new Error('A cluster has at least one node.');
  return {
    nodes,
    node: first,
    database,
    connectionString: urlOf(nodes),
    certificateFile: authority?.file,
    connectionStringOf: (node) => urlOf([node]),
    elect: (node) => {
      leader = node;
    },
    async lose(node) {
      await node.stop();
      if (leader === node) leader = nodes.find(({ isUp }) => isUp);
    },
    async close() {
      await Promise.all(nodes.map((node) => node.close()));
      await authority?.remove();
    },
  };
};

const emptyDatabase = (secure: boolean, users: readonly User[] | undefined): Database => {
  const log = new EventLog();
  const access = new AccessControl(log, secure, users);
  // A real server is never empty either: it has written for itself before the first client comes.
  const acl = { $r: '$ops', $w: [], $d: [], $mr: [], $mw: [] };
  const data = Buffer.from(JSON.stringify({ $maxAge: 2_592_000, $acl: acl }));
  const metadata = { type: '$metadata', isJson: true, data, metadata: new Uint8Array() };
  log.append('$$$scavenges', 'any', [{ id: '6e5f0b6e-4c39-4f0e-8f0a-1f8a2f2d7c11', ...metadata }]);
  return { log, access, groups: new Groups(log) };
};

const writeCertificate = async (certificate: Certificate) => {
  const directory = await mkdtemp(join(tmpdir(), 'tidemark-eventstoredb-'));
  const file = join(directory, 'ca.crt');
  await writeFile(file, certificate.cert);
  return { file, remove: () => rm(directory, { recursive: true, force: true }) };
};
