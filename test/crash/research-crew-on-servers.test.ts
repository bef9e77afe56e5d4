import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { pglite } from '@tidemark/adapters/pglite';
import { postgres } from '@tidemark/adapters/postgres';
import { startOwnPostgres, type OwnTestServer } from '../support/postgres-server.js';
import { startOwnRedis, type OwnTestRedis } from '../support/redis-server.js';
import { live, outcomeIn, writeDocuments } from './crew-process.js';

describe('the research crew on PostgreSQL and Redis', () => {
  let folder = '';
  let server: OwnTestServer | undefined;
  let cache: OwnTestRedis | undefined;
  let undisturbed: unknown;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'tidemark-crew-'));
    await writeDocuments(join(folder, 'docs'));
    [server, cache] = await Promise.all([startOwnPostgres(), startOwnRedis()]);
    const embedded = join(folder, 'embedded');
    expect(await run(embedded)).toMatchObject({ end: 0 });
    undisturbed = await outcomeIn(pglite({ folder: join(embedded, 'events') }), embedded);
  }, 120_000);
  afterAll(async () => {
    await server?.close();
    await cache?.close();
    await rm(folder, { recursive: true, force: true });
  });

  const onServers = (): readonly string[] => [
    '--backend',
    server?.connectionString ?? '',
    '--redis',
    cache?.url ?? '',
  ];

  /** Runs the program to its end, and does something to it, or to its servers, when it has written so many lines. */
  const run = async (
    data: string,
    options: readonly string[] = [],
    disturbances: ReadonlyMap<number, (kill: () => void) => Promise<void>> = new Map(),
  ) => {
    return live({
      docs: join(folder, 'docs'),
      data,
      options,
      onLine: (lines, kill) => disturbances.get(lines)?.(() => kill('SIGKILL')),
    });
  };

  const outcome = (data: string) =>
    outcomeIn(postgres({ connectionString: server?.connectionString, schema: 'research_crew' }), data);

  /** Lines that the program has written when it is in the midst of the work. */
  const inTheMidst = 12;

  it('ends as on the embedded database, and says nothing of passwords', async () => {
    const data = join(folder, 'calm');
    const { end, output } = await run(data, [...onServers(), '--fresh']);
    expect({ end, output }).toMatchObject({ end: 0 });
    expect(output).toMatch(/Events +in PostgreSQL with Redis/);
    expect(output).not.toContain(new URL(server?.connectionString ?? '').password);
    expect(await outcome(data)).toEqual(undisturbed);
  });

  it('goes on by itself when Redis is flushed and PostgreSQL killed and started again in the midst of it', async () => {
    const data = join(folder, 'disturbed');
    const restarted: string[] = [];
    const { end, output } = await run(
      data,
      [...onServers(), '--fresh', '--pace', '100'],
      new Map([
        [
          inTheMidst,
          async () => {
            await cache?.flush();
            await server?.kill();
            await server?.start();
            restarted.push('PostgreSQL');
          },
        ],
        [
          inTheMidst + 5,
          async () => {
            await cache?.kill();
            await cache?.start();
            restarted.push('Redis');
          },
        ],
      ]),
    );
    expect({ end, output, restarted }).toMatchObject({ end: 0, restarted: ['PostgreSQL', 'Redis'] });
    expect(await outcome(data)).toEqual(undisturbed);
  });

  it('goes on where it was killed, again and again, from wherever it is started', async () => {
    const data = join(folder, 'killed');
    let killed = 0;
    for (const lines of [6, inTheMidst, inTheMidst + 4, inTheMidst + 8]) {
      const fresh = killed === 0 ? ['--fresh'] : [];
      const { end } = await run(data, [...onServers(), ...fresh], new Map([[lines, async (kill) => kill()]]));
      if (end === 'SIGKILL') killed += 1;
    }
    expect(killed).toBeGreaterThan(1);
    const { end, output } = await run(data, onServers());
    expect({ end, output }).toMatchObject({ end: 0 });
    expect(await outcome(data)).toEqual(undisturbed);
  });
});
