import { Client } from 'pg';

const connected = async (connectionString: string): Promise<Client> => {
  const client = new Client({ connectionString });
  await client.connect();
  return client;
};

/**
 * Holds open what must not stall any reader, as long as the work takes: a transaction that writes in another database, and a
 * prepared one in this.
 *
 * @param work gets an append to the log in a schema: it is prepared, and committed by someone else when so many positions
 *   were given out behind it
 */
export const amongBystanders = async <Result>(
  connectionString: string,
  work: (appendPrepared: (schema: string, positions: number) => Promise<void>) => Promise<Result>,
): Promise<Result> => {
  const client = await connected(connectionString);
  await client.query('CREATE DATABASE other');
  const other = await connected(connectionString.replace(/\/[^/]*$/, '/other'));
  await other.query('CREATE TABLE things (id integer); BEGIN; INSERT INTO things VALUES (1)');
  await client.query('CREATE TABLE things (id integer)');
  await client.query("BEGIN; INSERT INTO things VALUES (1); PREPARE TRANSACTION 'idle'");
  const appendPrepared = async (schema: string, positions: number): Promise<void> => {
    await client.query('BEGIN');
    await client.query(
      `SELECT ${schema}.append_one('prepared', -2, false, ARRAY[gen_random_uuid()], ARRAY['T'], ARRAY[1], ARRAY['{}'::json], ARRAY['{}'::json], NULL)`,
    );
    await client.query("PREPARE TRANSACTION 'append'");
    const last = async (): Promise<bigint> => {
      const { rows } = await client.query<{ last: string }>(
        `SELECT last_value AS last FROM ${schema}.positions`,
      );
      return BigInt(rows[0]?.last ?? 0);
    };
    const end = (await last()) + BigInt(positions);
    while ((await last()) < end) await new Promise((resolve) => setTimeout(resolve, 5));
    await client.query("COMMIT PREPARED 'append'");
  };
  try {
    return await work(appendPrepared);
  } finally {
    await client.query("ROLLBACK PREPARED 'idle'");
    await client.end();
    await other.end();
  }
};
