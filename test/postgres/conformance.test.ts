import { describe } from '@jest/globals';
import { startPostgres } from '../support/postgres-server.js';
import { postgresConformance } from './conformance-suites.js';

describe('PostgreSQL, in a schema with an odd name', () => {
  postgresConformance({ start: startPostgres, suffix: ` it's "odd"` });
});
