import { createServer, type Server } from 'node:http';
import { postgres, type SqlBackend } from '@tidemark/adapters/postgres';
import { redis } from '@tidemark/adapters/redis';
import type { Application } from '@tidemark/core';

/** Where the servers are. */
interface Places {
  readonly databaseUrl: string;
  readonly redisUrl: string;
}

export const onPostgres = ({ databaseUrl }: Places): SqlBackend => {
  // #region postgres
  const backend = postgres({ connectionString: databaseUrl }); // postgres://user:password@host:5432/database
  // #endregion postgres
  return backend;
};

export const onPostgresAndRedis = ({ databaseUrl, redisUrl }: Places): SqlBackend => {
  // #region redis
  const backend = postgres({
    connectionString: databaseUrl,
    redis: redis(redisUrl), // redis://user:password@host:6379/0, or rediss:// for TLS
  });
  // #endregion redis
  return backend;
};

// #region probes
export const serveProbes = (app: Application): Server =>
  createServer((request, response) => {
    const { live, ready, status, reasons } = app.health();
    const isWell = request.url === '/ready' ? ready : live;
    response.writeHead(isWell ? 200 : 503, { 'content-type': 'application/json' });
    response.end(JSON.stringify({ status, reasons }));
  });
// #endregion probes

export const archiveOld = async (backend: SqlBackend): Promise<number> => {
  // #region archive
  const { archived, position } = await backend.archive({
    olderThanMs: 90 * 24 * 60 * 60 * 1000,
    onProgress: ({ perSecond, remainingMs }) => console.log(perSecond, remainingMs),
  });
  console.log(`${archived} events are archived; the next run may begin with after: ${position}n.`);
  // #endregion archive
  return archived;
};
