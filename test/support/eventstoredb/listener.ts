import { once } from 'node:events';
import { createServer, type Server as TcpServer, type Socket } from 'node:net';
import type { Server, ServerCredentials } from '@grpc/grpc-js';

/**
 * The connections of a gRPC server, taken in hand: they can be dropped as a broken network drops them,
 * all or one, and the port can be closed and opened again, which gRPC itself does not offer.
 */
export class Listener {
  readonly #sockets = new Set<Socket>();
  readonly #injector: ReturnType<Server['createConnectionInjector']>;
  #tcp: TcpServer | undefined;
  #port = 0;

  constructor(server: Server, credentials: ServerCredentials) {
    this.#injector = server.createConnectionInjector(credentials);
  }

  /** The port; it stays the same when the listener is closed and opened again. */
  get port(): number {
    return this.#port;
  }

  /** Whether the port is open. */
  get isOpen(): boolean {
    return this.#tcp !== undefined;
  }

  /** Opens the port. */
  async open(): Promise<void> {
    if (this.#tcp !== undefined) return;
    const tcp = createServer((socket) => {
      this.#sockets.add(socket);
      socket.setNoDelay(true);
      socket.on('close', () => this.#sockets.delete(socket));
      socket.on('error', () => socket.destroy());
      this.#injector.injectConnection(socket);
    });
    tcp.listen(this.#port, '127.0.0.1');
    await once(tcp, 'listening');
    const address = tcp.address();
    if (address === null || typeof address === 'string') throw new Error('A TCP port has a number.');
    this.#port = address.port;
    this.#tcp = tcp;
  }

  /** Closes the port and drops all connections. */
  async close(): Promise<void> {
    const tcp = this.#tcp;
    if (tcp === undefined) return;
    this.#tcp = undefined;
    const closed = once(tcp, 'close');
    tcp.close();
    this.dropAll();
    await closed;
  }

  /** Drops the connection that comes from `address:port`. */
  drop(peer: string): void {
    for (const socket of this.#sockets) {
      if (peer.endsWith(`:${socket.remotePort}`)) socket.destroy();
    }
  }

  /** Drops all connections; new ones are taken. */
  dropAll(): void {
    for (const socket of this.#sockets) socket.destroy();
  }
}
