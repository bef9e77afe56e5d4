import type { Backend } from '../backend/backend.js';
import type { CheckpointStore } from '../backend/checkpoints.js';
import { memory } from '../backend/memory/memory.js';
import { systemClock } from '../clock.js';
import type { RecordedEvent } from '../messages/event.js';
import type { ProcessorDefinition } from '../model/processor-definition.js';
import type { OldEvent, UpcastEvent, UpcasterDefinition } from '../model/upcaster-definition.js';
import type { ProcessorStatus } from '../observation/processor-status.js';
import { ProcessorRunner } from '../processing/processor-runner.js';
import type { RunnerEnvironment } from '../processing/runner-environment.js';
import { Schema } from '../schema/schema.js';

/** Retries that take no time worth speaking of. */
export const quickRetry = { attempts: 3, initialDelayMs: 1, maxDelayMs: 2 } as const;

/** A memory backend, open, with some of its ports replaced. */
export const backendWith = (ports: Partial<Backend> = {}, inner: Backend = memory()): Backend => ({
  name: inner.name,
  events: inner.events,
  checkpoints: inner.checkpoints,
  snapshots: inner.snapshots,
  documents: inner.documents,
  timers: inner.timers,
  leases: inner.leases,
  deadLetters: inner.deadLetters,
  nodes: inner.nodes,
  sql: inner.sql,
  transaction: (work) => inner.transaction(work),
  open: () => inner.open(),
  close: () => inner.close(),
  ...ports,
});

/** Appends one event for each number to the stream, with that number as data. Returns the position of the last. */
export const appendNumbers = async (
  backend: Backend,
  stream: string,
  numbers: readonly number[],
): Promise<bigint> => {
  const { position } = await backend.events.append(
    stream,
    numbers.map((data) => ({ type: 'number', data })),
  );
  return position;
};

/** A runner for tests, with what it warned of. */
export interface RunnerRig {
  readonly runner: ProcessorRunner;
  readonly warnings: readonly string[];
}

/** A runner of a definition whose left-out parts do not matter. */
export const rigRunner = (
  backend: Backend,
  definition: Partial<ProcessorDefinition> & Pick<ProcessorDefinition, 'delivery'>,
  environment: Partial<RunnerEnvironment> = {},
): RunnerRig => {
  const warnings: string[] = [];
  const runner = new ProcessorRunner(
    {
      kind: 'processor',
      name: 'tested',
      definedAt: 'here:1:1',
      messages: [],
      retry: quickRetry,
      ...definition,
    },
    {
      backend,
      schema: new Schema(),
      clock: systemClock,
      services: (context) => ({
        get: () => {
          throw new Error(`nothing is bound for ${context().messageId}`);
        },
      }),
      checkpointIntervalMs: 1,
      warn: (message) => void warnings.push(message),
      ...environment,
    },
  );
  return { runner, warnings };
};

/** The event's data, which the tests make a number. */
export const numberOf = (event: RecordedEvent): number => Number(event.data);

/** A delivery of either mode that notes the numbers it is given. */
export const collector = (
  mode: ProcessorDefinition['delivery']['mode'],
  into: number[],
): ProcessorDefinition['delivery'] =>
  mode === 'each'
    ? { mode, handle: (event) => void into.push(numberOf(event)) }
    : { mode, handle: async (events: readonly RecordedEvent[]) => void into.push(...events.map(numberOf)) };

/** An upcaster of the first version of a type. */
export const rawUpcaster = (
  type: string,
  to: readonly string[],
  upcast: (event: OldEvent) => readonly UpcastEvent[],
): UpcasterDefinition => ({
  kind: 'upcaster',
  name: `${type} v1`,
  definedAt: 'here:1:1',
  from: { type, version: 1 },
  to: to.map((target) => ({ type: target, version: 1 })),
  upcast,
});

/** Settles when the status is as wanted. */
export const until = (
  runner: ProcessorRunner,
  isSo: (status: ProcessorStatus) => boolean,
): Promise<ProcessorStatus> =>
  new Promise((resolve) => {
    const look = (status: ProcessorStatus): void => {
      if (!isSo(status)) return;
      end();
      resolve(status);
    };
    const end = runner.onChange(look);
    look(runner.status());
  });

/** A promise that the test settles. */
export const signalled = (): { readonly promise: Promise<void>; readonly resolve: () => void } => {
  let settle: (() => void) | undefined;
  const promise = new Promise<void>((resolve) => {
    settle = resolve;
  });
  return { promise, resolve: () => settle?.() };
};

/** Checkpoints as the store has them, but for what is given. */
export const checkpointsWith = (
  store: CheckpointStore,
  changes: Partial<CheckpointStore>,
): CheckpointStore => ({
  load: (...parameters) => store.load(...parameters),
  list: (processor) => store.list(processor),
  move: (move) => store.move(move),
  moveAll: (moves) => store.moveAll(moves),
  remove: (...parameters) => store.remove(...parameters),
  reset: (processor) => store.reset(processor),
  ...changes,
});
