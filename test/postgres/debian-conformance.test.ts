import { describe } from '@jest/globals';
import { startDebianPostgres } from '../support/postgres-server.js';
import { postgresConformance } from './conformance-suites.js';

describe('PostgreSQL as Debian ships it', () => {
  postgresConformance({ start: startDebianPostgres });
});
