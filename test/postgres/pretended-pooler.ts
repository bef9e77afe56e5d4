import { once } from 'node:events';
import { connect, createServer, type AddressInfo } from 'node:net';

const backendKeyData = 0x4b;

/**
 * Passes connections on as a pooler does, and like one names another process to the client than the one that serves it: the
 * only thing by which a client can tell.
 */
export const pretendedPooler = async (connectionString: string) => {
  const target = new URL(connectionString);
  const proxy = createServer((client) => {
    const server = connect(Number(target.port), target.hostname);
    let greeting: Buffer | undefined = Buffer.alloc(0);
    server.on('data', (chunk: Buffer) => {
      if (greeting === undefined) {
        client.write(chunk);
        return;
      }
      greeting = Buffer.concat([greeting, chunk]);
      for (let at = 0; at + 5 <= greeting.length; at += 1 + greeting.readInt32BE(at + 1)) {
        if (greeting[at] !== backendKeyData || at + 9 > greeting.length) continue;
        greeting.writeInt32BE(greeting.readInt32BE(at + 5) + 1, at + 5);
        client.write(greeting);
        greeting = undefined;
        return;
      }
      client.write(greeting);
      greeting = Buffer.alloc(0);
    });
    client.pipe(server);
    server.on('close', () => client.destroy());
    client.on('close', () => server.destroy());
    for (const socket of [client, server]) socket.on('error', () => undefined);
  });
  proxy.listen(0, '127.0.0.1');
  await once(proxy, 'listening');
  const url = new URL(connectionString);
  url.port = String((proxy.address() as AddressInfo).port);
  return {
    connectionString: url.href,
    async close(): Promise<void> {
      proxy.close();
      await once(proxy, 'close');
    },
  };
};
