import { pathToFileURL } from 'node:url';
import { Pool } from 'pg';
import { sampleEvents } from '../sample-events.js';
import { newDatabase } from '../stores.js';
import { peerPath } from './install-peers.js';
import type { PeerLog } from './peer-log.js';

interface EmmettMessage {
  readonly metadata: { readonly messageId: string };
}

/** The part of Emmett that is used here; it is not there when this is compiled. */
interface Emmett {
  getPostgreSQLEventStore(connectionString: string): {
    appendToStream(stream: string, events: readonly unknown[], options: object): Promise<unknown>;
    readStream(stream: string): Promise<{ readonly events: readonly unknown[] }>;
    schema: { migrate(): Promise<unknown> };
    close(): Promise<void>;
  };
  postgreSQLEventStoreConsumer(options: object): {
    reactor(options: object): unknown;
    start(): Promise<void>;
    stop(): Promise<void>;
    close(): Promise<void>;
  };
}

/** How long nothing must come until the rest counts as lost, in milliseconds. */
const patienceMs = 3_000;

/** Emmett on PostgreSQL, with larger and more frequent pulls than by default, which are ten times slower. */
export const emmettLog = async (): Promise<PeerLog> => {
  const entry = pathToFileURL(peerPath('@event-driven-io/emmett-postgresql')).href;
  const { getPostgreSQLEventStore, postgreSQLEventStoreConsumer } = (await import(entry)) as Emmett;
  const connectionString = await newDatabase();
  const store = getPostgreSQLEventStore(connectionString);
  await store.schema.migrate();
  const pool = new Pool({ connectionString, max: 1 });
  pool.on('error', () => undefined);
  let consumers = 0;
  return {
    append: (stream, size) =>
      store.appendToStream(stream, sampleEvents(size), { expectedStreamVersion: 'STREAM_DOES_NOT_EXIST' }),
    readStream: async (stream) => (await store.readStream(stream)).events.length,
    async count() {
      const { rows } = await pool.query<{ count: string }>('SELECT count(*) FROM emt_messages');
      return Number(rows[0]?.count);
    },
    async follow(events, work) {
      consumers += 1;
      const consumer = postgreSQLEventStoreConsumer({
        connectionString,
        pulling: { batchSize: 1_000, pullingFrequencyInMs: 1 },
      });
      const handled = new Set<string>();
      let last = performance.now();
      consumer.reactor({
        processorId: `bench-${consumers}`,
        startFrom: 'BEGINNING',
        eachMessage: ({ metadata }: EmmettMessage) => {
          handled.add(metadata.messageId);
          last = performance.now();
        },
      });
      const running = consumer.start();
      await work();
      await new Promise<void>((resolve) => {
        const check = setInterval(() => {
          if (handled.size < events && performance.now() - last < patienceMs) return;
          clearInterval(check);
          resolve();
        }, 1);
      });
      await consumer.stop();
      await running;
      await consumer.close();
      return handled.size;
    },
    async close() {
      await store.close();
      await pool.end();
    },
  };
};
