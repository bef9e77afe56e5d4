import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { OneWay } from './one-way.js';

/** The two ways that bytes go: what clients ask, and what the server answers. */
export type Direction = 'requests' | 'answers';

/** Where the proxy stands: what a client is to be told in place of the server's address. */
export interface ProxyOptions {
  /** The server's host and port. */
  readonly host: string;
  readonly port: number;
}

interface Pair {
  readonly client: Socket;
  readonly server: Socket;
  readonly ways: Readonly<Record<Direction, OneWay>>;
}

/**
 * A network that can be broken on purpose: a TCP proxy on loopback in front of any server. It passes on what it is given
 * until it is told otherwise; what it is told holds for all connections, those to come included, until {@link heal}.
 */
export class Proxy {
  #target: ProxyOptions;
  readonly #listener: Server;
  readonly #pairs = new Set<Pair>();
  readonly #delays: Record<Direction, number> = { requests: 0, answers: 0 };
  #bytesPerSecond = Number.POSITIVE_INFINITY;
  #swallowing = false;
  #refusing = false;
  #accepted = 0;

  private constructor(target: ProxyOptions, listener: Server) {
    this.#target = target;
    this.#listener = listener;
    listener.on('connection', (client: Socket) => this.#accept(client));
  }

  /** Starts one on a free port. */
  static async start(target: ProxyOptions): Promise<Proxy> {
    // Each direction ends by itself, as in a network.
    const listener = createServer({ allowHalfOpen: true, noDelay: true });
    const proxy = new Proxy(target, listener);
    listener.listen(0, '127.0.0.1');
    await once(listener, 'listening');
    return proxy;
  }

  /** Starts one for the server that the URL names; also gives the URL that goes through it. */
  static async before(url: string): Promise<{ readonly proxy: Proxy; readonly url: string }> {
    const through = new URL(url);
    const proxy = await Proxy.start({ host: through.hostname, port: Number(through.port) });
    through.hostname = '127.0.0.1';
    through.port = String(proxy.port);
    return { proxy, url: through.href };
  }

  get port(): number {
    return (this.#listener.address() as AddressInfo).port;
  }

  /** How many connections there are. */
  get connections(): number {
    return this.#pairs.size;
  }

  /** How many connections were asked for so far, refused ones included. */
  get accepted(): number {
    return this.#accepted;
  }

  /**
   * Ends all connections that there are.
   *
   * @param how `reset`: with RST, as a machine that has forgotten them; `end`: with FIN, in good order
   */
  cut(how: 'reset' | 'end' = 'reset'): void {
    for (const { client, server } of this.#pairs) for (const socket of [client, server]) leave(socket, how);
  }

  /** Resets the clients, while what they have sent is still on its way and arrives. */
  forsakeClients(): void {
    for (const { client } of this.#pairs) leave(client, 'reset');
  }

  /** Ends one direction of all connections with FIN; the other goes on. */
  halfClose(direction: Direction): void {
    for (const { ways } of this.#pairs) ways[direction].end();
  }

  /** Holds every byte back for so long, in milliseconds, without changing the order. */
  delay(direction: Direction, milliseconds: number): void {
    this.#delays[direction] = milliseconds;
    for (const { ways } of this.#pairs) ways[direction].delayMs = milliseconds;
  }

  /** Passes on so many bytes a second at most, each way of each connection by itself. */
  limit(bytesPerSecond: number): void {
    this.#bytesPerSecond = bytesPerSecond;
    for (const way of this.#ways()) way.bytesPerSecond = bytesPerSecond;
  }

  /**
   * Swallows everything from now on: new connections are accepted and never answered, old ones stay open and nothing goes
   * through. What was swallowed stays lost, so connections of that time are of no use when it is over.
   */
  swallow(): void {
    this.#swallowing = true;
    for (const way of this.#ways()) way.swallow();
  }

  /** Resets connections as soon as they are made; those that are there go on. */
  refuse(): void {
    this.#refusing = true;
  }

  /**
   * Resets each connection once it has passed on so many more bytes in the direction; what is behind them is lost. With
   * `answers` and 0, whatever is asked for next is carried out, and nobody learns of it.
   *
   * @param connections how many connections that happens to. Default: all that there are
   * @returns settles when it has happened to so many
   */
  async cutAfter(direction: Direction, bytes: number, connections = this.#pairs.size): Promise<void> {
    await new Promise<void>((resolve) => {
      let left = connections;
      for (const { client, server, ways } of this.#pairs) {
        ways[direction].afterBytes(bytes, () => {
          if (left <= 0) return false;
          for (const socket of [client, server]) leave(socket, 'reset');
          left -= 1;
          if (left === 0) resolve();
          return true;
        });
      }
    });
  }

  /**
   * Lets the next request that contains the text through, and resets its connection when it is answered: it is carried out,
   * and nobody learns of it.
   *
   * @returns settles when that has happened
   */
  loseAnswerTo(text: string): Promise<void> {
    return new Promise((resolve) => {
      let found = false;
      for (const { client, server, ways } of this.#pairs) {
        ways.requests.onPass = (chunk) => {
          if (found || !chunk.includes(text)) return;
          found = true;
          ways.answers.afterBytes(0, () => {
            for (const socket of [client, server]) leave(socket, 'reset');
            resolve();
            return true;
          });
        };
      }
    });
  }

  /** Leads to another server from now on, as an address does after a failover; connections that there are stay where they are. */
  redirect(target: ProxyOptions): void {
    this.#target = target;
  }

  /** Everything passes again. Connections that were cut or swallowed stay so. */
  heal(): void {
    this.#swallowing = false;
    this.#refusing = false;
    this.limit(Number.POSITIVE_INFINITY);
    this.delay('requests', 0);
    this.delay('answers', 0);
  }

  async close(): Promise<void> {
    const closed = once(this.#listener, 'close');
    this.#listener.close();
    this.cut();
    await closed;
  }

  *#ways(): Generator<OneWay> {
    for (const { ways } of this.#pairs) yield* Object.values(ways);
  }

  #accept(client: Socket): void {
    this.#accepted += 1;
    client.on('error', ignore);
    if (this.#refusing) {
      client.resetAndDestroy();
      return;
    }
    const server = connect({ ...this.#target, allowHalfOpen: true, noDelay: true });
    server.on('error', ignore);
    const pair = {
      client,
      server,
      ways: { requests: new OneWay(client, server), answers: new OneWay(server, client) },
    };
    for (const direction of ['requests', 'answers'] as const) {
      const way = pair.ways[direction];
      way.delayMs = this.#delays[direction];
      way.bytesPerSecond = this.#bytesPerSecond;
      if (this.#swallowing) way.swallow();
    }
    this.#pairs.add(pair);
    const forget = (): void => {
      if (client.destroyed && server.destroyed) this.#pairs.delete(pair);
    };
    server.on('close', () => {
      // A server that is gone, or was never there, resets its client. In a black hole nobody learns of it.
      if (server.errored !== null && !pair.ways.answers.swallowing) client.resetAndDestroy();
      forget();
    });
    client.on('close', forget);
  }
}

const leave = (socket: Socket, how: 'reset' | 'end'): void => {
  if (how === 'end') socket.end();
  else socket.resetAndDestroy();
};

/** What breaks is told by the other end. */
const ignore = (): void => undefined;
