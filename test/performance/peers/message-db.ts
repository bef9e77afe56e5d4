import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Pool } from 'pg';
import { eventsByStream } from '../prepared-logs.js';
import { sampleEvents } from '../sample-events.js';
import { newDatabase } from '../stores.js';
import { peerPath } from './install-peers.js';
import type { PeerLog } from './peer-log.js';

/** In the order of its own installation. */
const scripts = [
  'schema/message-store',
  'tables/messages',
  'types/message',
  ...[
    'message-store-version',
    'hash-64',
    'acquire-lock',
    'category',
    'is-category',
    'id',
    'cardinal-id',
    'stream-version',
    'write-message',
    'get-stream-messages',
    'get-category-messages',
    'get-last-stream-message',
  ].map((name) => `functions/${name}`),
  'indexes/messages-category',
  'indexes/messages-id',
  'indexes/messages-stream',
];

/** message-db: functions in PostgreSQL, called with a named statement, several in a transaction. */
export const messageDbLog = async (): Promise<PeerLog> => {
  const folder = join(dirname(peerPath('@eventide/message-db/package.json')), 'database');
  const pool = new Pool({
    connectionString: await newDatabase(),
    max: 10,
    options: '-c search_path=message_store,public',
  });
  pool.on('error', () => undefined);
  for (const script of scripts) await pool.query(await readFile(join(folder, `${script}.sql`), 'utf8'));
  const write = { name: 'write', text: 'SELECT write_message($1, $2, $3, $4, $5, $6)' };
  return {
    async append(stream, size) {
      const client = await pool.connect();
      try {
        if (size > 1) await client.query('BEGIN');
        for (const [index, { type, data, metadata }] of sampleEvents(size).entries()) {
          const texts = [JSON.stringify(data), JSON.stringify(metadata)];
          await client.query({ ...write, values: [randomUUID(), stream, type, ...texts, index - 1] });
        }
        if (size > 1) await client.query('COMMIT');
      } finally {
        client.release();
      }
    },
    async readStream(stream) {
      const { rows } = await pool.query<{ data: string; metadata: string }>({
        name: 'read',
        text: 'SELECT * FROM get_stream_messages($1, 0, $2)',
        values: [stream, eventsByStream],
      });
      for (const { data, metadata } of rows) {
        JSON.parse(data);
        JSON.parse(metadata);
      }
      return rows.length;
    },
    async count() {
      const { rows } = await pool.query<{ count: string }>('SELECT count(*) FROM messages');
      return Number(rows[0]?.count);
    },
    close: () => pool.end(),
  };
};
