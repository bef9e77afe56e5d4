import { randomUUID } from 'node:crypto';
import { EventEmitter } from 'node:events';
import { Server, ServerCredentials } from '@grpc/grpc-js';
import { append } from './append.js';
import { batchAppend } from './batch-append.js';
import { clientStreaming, serverStreaming, unary } from './calls.js';
import { clusterInfo, supportedMethods } from './cluster-info.js';
import { services, type streams } from './definitions.js';
import { softDelete, tombstone } from './delete.js';
import type { FilterRule } from './event-filter.js';
import { Faults } from './faults.js';
import { Listener } from './listener.js';
import type { Database, Member, NodeContext } from './node-context.js';
import { persistentSubscriptions } from './persistent/persistent-service.js';
import { read } from './read.js';
import type { Certificate } from './self-signed.js';

type ReadReq = InstanceType<typeof streams.ReadReq>;

/** How one node is made. */
export interface NodeSetup {
  readonly database: Database;
  readonly maxAppendSize: number;
  readonly certificate: Certificate | undefined;
  /** The nodes of its cluster. */
  members(): readonly Member[];
}

/** One server of the protocol. */
export class TestNode {
  readonly id = randomUUID();
  readonly faults = new Faults();
  /** What each subscription to the log was filtered by, in the order in which they were asked for. */
  readonly filters: (FilterRule | undefined)[] = [];
  readonly #server = new Server({ 'grpc.max_receive_message_length': 64 * 1024 * 1024 });
  readonly #listener: Listener;
  readonly #fellBehind = new EventEmitter().setMaxListeners(0);

  constructor(setup: NodeSetup) {
    const context: NodeContext = {
      ...setup.database,
      faults: this.faults,
      maxAppendSize: setup.maxAppendSize,
      members: setup.members,
      otherLeader: () => setup.members().find(({ id, leads }) => leads && id !== this.id),
      subscribed: (filter) => this.filters.push(filter),
      drop: (peer) => this.#listener.drop(peer),
      onFellBehind: (listener) => {
        this.#fellBehind.on('fell-behind', listener);
        return () => this.#fellBehind.off('fell-behind', listener);
      },
    };
    this.#serve(context);
    const { certificate } = setup;
    const credentials =
      certificate === undefined
        ? ServerCredentials.createInsecure()
        : ServerCredentials.createSsl(null, [
            { private_key: Buffer.from(certificate.key), cert_chain: Buffer.from(certificate.cert) },
          ]);
    this.#listener = new Listener(this.#server, credentials);
  }

  get port(): number {
    return this.#listener.port;
  }

  /** Whether clients can reach it. */
  get isUp(): boolean {
    return this.#listener.isOpen;
  }

  /** Begins to listen, on the port it had before if it had one. */
  start(): Promise<void> {
    return this.#listener.open();
  }

  /** Stops listening and drops all connections; what is stored stays. */
  stop(): Promise<void> {
    return this.#listener.close();
  }

  /** Drops all connections, as a broken network does. */
  dropConnections(): void {
    this.#listener.dropAll();
  }

  /** Has every live subscription say that it fell behind and, soon, that it has caught up again. */
  fallBehind(): void {
    this.#fellBehind.emit('fell-behind');
  }

  /** Ends it for good. */
  async close(): Promise<void> {
    await this.stop();
    this.#server.forceShutdown();
  }

  #serve(context: NodeContext): void {
    const kindOf = (request: ReadReq) =>
      request.getOptions()?.hasSubscription() === true ? ('subscribe' as const) : ('read' as const);
    this.#server.addService(services.streams, {
      read: serverStreaming(context, kindOf, (request: ReadReq, caller, write) =>
        read(context, request, caller, write),
      ),
      append: clientStreaming(context, 'append', (requests: Parameters<typeof append>[1], caller) =>
        append(context, requests, caller),
      ),
      batchAppend: batchAppend(context),
      delete: unary(context, 'delete', (request: Parameters<typeof softDelete>[1], caller) =>
        softDelete(context, request, caller),
      ),
      tombstone: unary(context, 'delete', (request: Parameters<typeof tombstone>[1], caller) =>
        tombstone(context, request, caller),
      ),
    });
    this.#server.addService(services.persistent, persistentSubscriptions(context));
    this.#server.addService(services.features, {
      getSupportedMethods: unary(context, 'features', () => supportedMethods()),
    });
    this.#server.addService(services.gossip, {
      read: unary(context, 'gossip', () => clusterInfo(context)),
    });
  }
}
