import type { Application } from '../app/application.js';
import { createApp, type AppOptions } from '../app/create-app.js';
import type { Backend } from '../backend/backend.js';
import { memory } from '../backend/memory/memory.js';
import { manualClock, type ManualClock } from './manual-clock.js';

/** As for `createApp`; the backend and the clock may be left out. */
export interface TestAppOptions extends Omit<AppOptions, 'backend' | 'clock'> {
  /** Default: a new memory backend on the clock. */
  readonly backend?: Backend | undefined;
  /** Default: a new manual clock. */
  readonly clock?: ManualClock | undefined;
}

/** A running application with what a test turns. */
export interface TestApp extends AsyncDisposable {
  readonly app: Application;
  readonly backend: Backend;
  readonly clock: ManualClock;
}

/**
 * Starts an application on the memory backend with a clock that stands still until told:
 * `const { app, clock } = await testApp({ register: [Order] })`. Stop it by `app.stop()`.
 */
export const testApp = async (options: TestAppOptions): Promise<TestApp> => {
  const { clock = manualClock() } = options;
  const { backend = memory({ clock }) } = options;
  const app = createApp({ ...options, backend, clock });
  await app.start();
  return { app, backend, clock, [Symbol.asyncDispose]: () => app.stop() };
};
