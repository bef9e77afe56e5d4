import { randomUUID } from 'node:crypto';
import { postgres } from '@tidemark/adapters/postgres';

/**
 * A process of writers that do all that writers do: they append by themselves and in transactions that linger, that are rolled
 * back, and whose connection is killed. At its end it prints the data of the events that were acknowledged.
 */
const [connectionString, schema, writers, appends, seed] = process.argv.slice(2);

let state = Number(seed);
/** From 0 up to 1; the same ones for the same seed. */
const random = (): number => {
  state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
  return state / 2 ** 32;
};

const backend = postgres({ connectionString, schema, maxConnections: 12 });
await backend.open();

const rollback = new Error('rolled back');
const acknowledged: string[] = [];

const appendOnce = async (writer: number): Promise<void> => {
  const stream = `writer-${process.pid}-${writer}-${Math.floor(random() * 3)}`;
  const givesIds = random() < 0.3;
  const keys = Array.from({ length: random() < 0.2 ? 3 : 1 }, () => randomUUID());
  const events = keys.map((key) => ({ type: 'T', data: key, id: givesIds ? key : undefined }));
  const kind = random();
  if (kind < 0.5) {
    await backend.events.append(stream, events);
  } else {
    const lingers = random() * 0.015;
    await backend.transaction(async (tx) => {
      await tx.append([{ stream, events }]);
      await tx.query('SELECT pg_sleep($1)', [lingers]);
      if (kind > 0.95) await tx.query('SELECT pg_terminate_backend(pg_backend_pid())');
      if (kind > 0.85) throw rollback;
    });
  }
  acknowledged.push(...keys);
};

const write = async (writer: number): Promise<void> => {
  for (let n = 0; n < Number(appends); n++) {
    try {
      await appendOnce(writer);
    } catch (error) {
      const expected = error === rollback || (error instanceof Error && error.name === 'ConnectionLostError');
      if (!expected) throw error;
    }
  }
};

await Promise.all(Array.from({ length: Number(writers) }, (_, writer) => write(writer)));
await backend.close();
process.stdout.write(`${JSON.stringify(acknowledged)}\n`);
