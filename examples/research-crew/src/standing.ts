import { inspect } from 'node:util';
import type { Application } from '@tidemark/core';

const show = (thing: object): string => inspect(thing, { depth: 6, compact: 8, breakLength: 160 });

/** How the application stands: its health, and where each processor, projection and saga is. For whoever wonders what it waits for. */
export const standing = (app: Application): string => {
  return [
    `health: ${show(app.health())}`,
    ...[...app.processors].map(([name, runner]) => `${name}: ${show(runner.status())}`),
    '',
  ].join('\n');
};
