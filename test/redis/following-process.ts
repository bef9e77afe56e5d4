import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { postgres } from '@tidemark/adapters/postgres';
import { redis } from '@tidemark/adapters/redis';
import { follow, until } from './following.js';

/**
 * A process that follows the log. It says when it reads what another one hands on, is told how far to follow, and prints what
 * was delivered to it, and how many events it has read from Redis.
 */
interface Options {
  readonly connectionString: string;
  readonly schema: string;
  readonly redisUrl: string;
  readonly keyPrefix: string;
}

const { connectionString, schema, redisUrl, keyPrefix } = JSON.parse(process.argv[2] ?? '') as Options;
const layer = redis({ connectionString: redisUrl, keyPrefix });
const backend = postgres({ connectionString, schema, redis: layer });
await backend.open();
const reader = follow(backend.events);
await until(() => layer.relay.follows);
process.stdout.write('follows\n');
const [last] = (await once(createInterface(process.stdin), 'line')) as [string];
await reader.until(BigInt(last));
await reader.stop();
await backend.close();
const { received } = layer.counters();
process.stdout.write(`${JSON.stringify({ positions: reader.positions.map(String), received })}\n`);
