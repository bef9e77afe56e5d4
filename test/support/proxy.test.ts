import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Proxy } from './proxy.js';

/** Sends back what it gets; `echo:` names it. */
const echoServer = async () => {
  const sockets = new Set<Socket>();
  const got: string[] = [];
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.on('end', () => socket.end('bye'));
    socket.on('data', (chunk: Buffer) => {
      got.push(String(chunk));
      socket.write(chunk);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    got,
    port: (server.address() as AddressInfo).port,
    async close() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
};

describe('the proxy', () => {
  let echo: Awaited<ReturnType<typeof echoServer>>;
  let proxy: Proxy;
  const clients: Socket[] = [];

  beforeEach(async () => {
    echo = await echoServer();
    ({ proxy } = await Proxy.before(`tcp://127.0.0.1:${echo.port}/`));
  });
  afterEach(async () => {
    for (const client of clients.splice(0)) client.destroy();
    await proxy.close();
    await echo.close();
  });

  const begun = (allowHalfOpen = false): Socket => {
    const socket = connect({ port: proxy.port, host: '127.0.0.1', allowHalfOpen, noDelay: true });
    clients.push(socket);
    socket.on('error', () => undefined);
    return socket;
  };
  const client = async (allowHalfOpen = false): Promise<Socket> => {
    const socket = begun(allowHalfOpen);
    await once(socket, 'connect');
    return socket;
  };
  /** Settles with the error that it was closed by, if any. */
  const closed = async (socket: Socket): Promise<Error | null> => {
    if (!socket.closed) await new Promise((resolve) => socket.once('close', resolve));
    return socket.errored;
  };
  const ask = async (socket: Socket, text: string): Promise<string> => {
    let answer = '';
    socket.write(text);
    while (answer.length < text.length) answer += String((await once(socket, 'data'))[0]);
    return answer;
  };
  const asked = async (text = 'hello'): Promise<Socket> => {
    const socket = await client();
    expect(await ask(socket, text)).toBe(text);
    return socket;
  };

  it('passes everything on, both ways, to the end', async () => {
    const socket = await asked('a'.repeat(1_000_000));
    socket.end();
    expect(String((await once(socket, 'data'))[0])).toBe('bye');
    await once(socket, 'end');
    expect(proxy.accepted).toBe(1);
  });

  it.each(['reset', 'end'] as const)('cuts all connections (%s), and takes new ones', async (how) => {
    const socket = await asked();
    const over = how === 'reset' ? closed(socket) : once(socket, 'end');
    proxy.cut(how);
    await over;
    expect(socket.errored === null).toBe(how === 'end');
    await asked();
  });

  it('refuses new connections and leaves the others', async () => {
    const socket = await asked();
    proxy.refuse();
    expect(await closed(begun())).not.toBeNull();
    expect(await ask(socket, 'still')).toBe('still');
    proxy.heal();
    await asked();
  });

  it('swallows: connections stay, and nothing comes through', async () => {
    const old = await asked();
    proxy.swallow();
    const late = await client();
    for (const socket of [old, late]) socket.write('lost');
    proxy.heal();
    await asked('after');
    expect(echo.got.join('')).toBe('helloafter');
    expect([old.destroyed, late.destroyed]).toEqual([false, false]);
  });

  it('closes one direction and leaves the other', async () => {
    const socket = await client(true);
    await ask(socket, 'hello');
    const ended = once(socket, 'end');
    proxy.halfClose('answers');
    await ended;
    socket.write('heard');
    while (!echo.got.includes('heard')) await new Promise(setImmediate);
    expect(socket.closed).toBe(false);
  });

  it('delays each way, and passes on what was sent before the client was reset', async () => {
    const socket = await asked();
    proxy.delay('requests', 50);
    socket.write('late ');
    socket.write('but in order');
    while (socket.writableLength > 0) await new Promise(setImmediate);
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(echo.got.join('')).toBe('hello');
    proxy.forsakeClients();
    while (echo.got.join('') !== 'hellolate but in order') await new Promise(setImmediate);
    proxy.heal();
    proxy.delay('answers', 30);
    const started = performance.now();
    await asked('slow');
    expect(performance.now() - started).toBeGreaterThan(25);
  });

  it('limits the bandwidth', async () => {
    proxy.limit(100_000);
    const started = performance.now();
    await asked('a'.repeat(10_000));
    expect(performance.now() - started).toBeGreaterThan(80);
  });

  it('cuts after so many bytes of an answer: what was asked for was done', async () => {
    const socket = await asked();
    const cut = proxy.cutAfter('answers', 3, 1);
    let answer = '';
    socket.on('data', (chunk: Buffer) => (answer += String(chunk)));
    socket.write('half of it');
    await Promise.all([cut, closed(socket)]);
    expect(answer).toBe('hal');
    expect(echo.got).toContain('half of it');
  });

  it('loses the answer to one request', async () => {
    const [one, other] = [await asked(), await asked()];
    const lost = proxy.loseAnswerTo('write it');
    expect(await ask(one, 'read it')).toBe('read it');
    one.write('write it');
    await Promise.all([lost, closed(one)]);
    expect(echo.got).toContain('write it');
    expect(await ask(other, 'write it')).toBe('write it');
  });

  it('is a server that is away when its server is', async () => {
    await echo.close();
    const socket = await client();
    expect(await closed(socket)).not.toBeNull();
    echo = await echoServer();
  });
});
