import { register } from 'node:module';

/**
 * Lets Node run the sources without a build, for processes that tests start:
 * `node --import ./test/support/from-source.mjs some.ts`.
 */
register('./from-source-hooks.mjs', import.meta.url);
