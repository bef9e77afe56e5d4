import type { BatchHandler } from '../model/batch-handler.js';
import type { BatchDelivery, EachDelivery } from '../model/processor-definition.js';
import type { HandlerGuard } from '../recovery/handler-guard.js';
import { BreakerOpenError } from '../recovery/errors.js';
import { isOutage } from '../recovery/outage.js';
import type { WatchedCall } from '../recovery/slow-calls.js';
import { toError } from '../recovery/thrown.js';
import type { RoutedEvent } from '../routing/routed-event.js';
import { defaultBatchSize, defaultConcurrency } from './defaults.js';
import type { Dispatcher, DispatcherHost, ReadBatch } from './dispatcher.js';
import { EachFailures, type TaskOutcome } from './each-failures.js';
import { EventBatches } from './event-batches.js';
import { EventRanks } from './event-rank.js';
import type { EventTask } from './event-task.js';
import { HandlerCalls } from './handler-calls.js';
import { KeyedLanes, type LaneOutcome } from './keyed-lanes.js';
import type { Rank } from './lane-turns.js';
import type { WorkMark } from './source.js';

/** Batches that may wait in memory before the subscription is held up, unless the definition says how many events. */
const MOST_BATCHES_PENDING = 2;
/** Batches that may be finished above one event that is not: they would all be delivered again after a crash. */
const MOST_BATCHES_AHEAD = 20;
/** The same in times of what may wait, where that is more: what is urgent is finished above what is not. */
const MOST_WINDOWS_AHEAD = 4;

/** What waits for the promise of a handler: used again and again, since making two functions for each event is not free. */
interface PendingCall extends WatchedCall {
  task: EventTask | undefined;
  readonly fulfilled: () => void;
  readonly rejected: (thrown: unknown) => void;
}

/**
 * Events one at a time, in order per key, keys side by side. The checkpoint follows the low-water mark of what is
 * finished, so it never passes an event that is not.
 */
export class EachDispatcher implements Dispatcher {
  readonly #host: DispatcherHost;
  readonly #delivery: EachDelivery | BatchDelivery;
  readonly #handlers: HandlerCalls;
  /** For each handler of batches, how its batches are made. */
  readonly #batches: ReadonlyMap<BatchHandler, EventBatches>;
  readonly #mark: WorkMark;
  readonly #lanes: KeyedLanes<EventTask>;
  readonly #ranks: EventRanks;
  readonly #failures: EachFailures;
  /** Calls that have ended, to be used again. */
  readonly #calls: PendingCall[] = [];
  readonly #watched: WatchedCall[] = [];
  readonly #mostPending: number;
  readonly #mostAhead: number;
  /** While a batch is taken in, the mark is reported once, at its end. */
  #taking = false;
  #over = false;
  /** Nothing more is taken in. */
  #draining = false;
  #room: (() => void) | undefined;
  #watchers: { readonly isDue: () => boolean; readonly resolve: () => void }[] = [];

  /** @param mark where it tells what is finished */
  constructor(host: DispatcherHost, delivery: EachDelivery | BatchDelivery, mark: WorkMark) {
    const batchHandlers = delivery.mode === 'batch' ? [delivery] : (delivery.batches ?? []);
    this.#host = host;
    this.#delivery = delivery;
    this.#handlers = new HandlerCalls(host);
    this.#batches = new Map(
      batchHandlers.map((handler, number) => [handler, new EventBatches(handler, number)]),
    );
    const { batchSize = defaultBatchSize, readAhead } = host.definition;
    const largest = Math.max(0, ...[...this.#batches.values()].map(({ max }) => max));
    // A batch cannot be larger than what may wait for it.
    this.#mostPending = Math.max(largest, readAhead ?? MOST_BATCHES_PENDING * Math.max(batchSize, largest));
    this.#mostAhead = Math.max(batchSize * MOST_BATCHES_AHEAD, this.#mostPending * MOST_WINDOWS_AHEAD);
    this.#mark = mark;
    this.#ranks = new EventRanks(host.definition);
    this.#failures = new EachFailures({
      host,
      mark,
      finish: (task) => this.#finished(task),
      settle: (task, outcome) => this.#lanes.settle(task, outcome),
      fail: (cause) => this.#fail(cause),
    });
    this.#lanes = new KeyedLanes({
      concurrency: delivery.concurrency ?? defaultConcurrency,
      keyConcurrency: delivery.keyConcurrency,
      clock: host.clock,
      handle: (task) => this.#handle(task),
      handleBatch: (tasks) => void this.#handleBatch(tasks),
      settled: () => this.#settled(),
    });
  }

  get inFlight(): number {
    return this.#lanes.inFlight;
  }

  get pending(): number {
    return this.#lanes.size;
  }

  take({ events, position }: ReadBatch): void | Promise<void> {
    this.#taking = true;
    const gathers = this.#batches.size > 0 || this.#ranks.differ(events);
    if (gathers) this.#lanes.gather();
    for (let start = 0; start < events.length && !this.#over; ) start = this.#takePosition(events, start);
    if (gathers) this.#lanes.gathered();
    this.#taking = false;
    if (this.#over) return;
    this.#mark.admit(position, 0);
    this.#report();
    if (this.#hasRoom()) return;
    // Nothing more comes until something is finished.
    this.#lanes.hurry(true);
    return new Promise((resolve) => (this.#room = resolve));
  }

  hold(): void {
    this.#lanes.hold();
  }

  release(): void {
    if (!this.#over) this.#lanes.release();
  }

  idle(): Promise<void> {
    return this.#until(() => this.#lanes.inFlight === 0);
  }

  drained(): Promise<void> {
    this.#draining = true;
    this.#lanes.hurry(true);
    return this.#until(() => this.#lanes.size === 0 || (this.#over && this.#lanes.inFlight === 0));
  }

  discard(): void {
    this.#over = true;
    this.#lanes.discard();
    for (const call of this.#watched) this.#host.recovery.slow.unwatch(call);
    this.#settled();
  }

  /**
   * Takes in all events of one position: the mark may pass it only when all are finished.
   *
   * @returns the index of the first event behind them
   */
  #takePosition(events: readonly RoutedEvent[], start: number): number {
    const position = events[start]?.position;
    let end = start + 1;
    while (end < events.length && events[end]?.position === position) end += 1;
    if (position === undefined) return end;
    const ticket = this.#mark.admit(position, end - start, events[start]);
    for (let index = start; index < end && !this.#over; index += 1) {
      const event = events[index];
      if (event !== undefined) this.#enter(event, ticket, index - start);
    }
    return end;
  }

  #enter(event: RoutedEvent, ticket: number, part: number): void {
    let sequence: string;
    let rank: Rank;
    let batches: EventBatches | undefined;
    try {
      sequence = this.#delivery.key?.(event) ?? event.stream;
      rank = this.#ranks.of(event);
      batches = this.#batchesOf(event);
    } catch (thrown) {
      if (this.#failures.refused(ticket, toError(thrown))) return;
      // Without its key the event has no place in the order, so nothing behind it may go on.
      this.#fail({ error: toError(thrown), event, attempts: 1 });
      return;
    }
    this.#lanes.push({
      event,
      ticket,
      sequence,
      key: batches?.lane ?? sequence,
      rank,
      batches,
      // What a route could not make fails by itself.
      batch: event.routing?.failure === undefined ? batches : undefined,
      since: batches === undefined ? 0 : this.#host.clock.now().getTime(),
      part,
      attempt: 0,
      tries: undefined,
      compensating: undefined,
    });
  }

  #batchesOf(event: RoutedEvent): EventBatches | undefined {
    const delivery = this.#delivery;
    if (delivery.mode === 'batch') return this.#batches.get(delivery);
    const handler = delivery.batchOf?.(event);
    return handler === undefined ? undefined : this.#batches.get(handler);
  }

  /** Gives the outcome of a synchronous handler; for another, the lanes are told later. */
  #handle(task: EventTask): TaskOutcome {
    if (this.#mark.begin?.(task.ticket) === false) return 'finished';
    if (this.#failures.mayBeParked(task)) return this.#failures.follow(task);
    const waitMs = this.#failures.outageWait();
    if (waitMs > 0) return { retryAfterMs: waitMs };
    const guard = this.#host.recovery.of(task.event);
    task.attempt += 1;
    try {
      const result = guard.isPlain ? this.#call(task, this.#host.signal) : this.#guarded(task, guard);
      if (!isThenable(result)) return this.#succeeded(task);
      const call = this.#calls.pop() ?? this.#newCall();
      call.task = task;
      call.looks = 0;
      // Not in an asynchronous function: that would cost another promise for each event.
      void Promise.resolve(result).then(call.fulfilled, call.rejected);
      return undefined;
    } catch (thrown) {
      return this.#failures.failed(task, thrown);
    }
  }

  #call({ event, batches, attempt, compensating }: EventTask, signal: AbortSignal): unknown {
    if (compensating !== undefined) return this.#handlers.compensation(event, compensating, attempt, signal);
    if (event.routing?.failure !== undefined) throw event.routing.failure;
    if (batches !== undefined) return this.#handlers.batch(batches.handler, [event], attempt, signal);
    if (this.#delivery.mode === 'each') return this.#handlers.one(this.#delivery, event, attempt, signal);
    return this.#handlers.batch(this.#delivery, [event], attempt, signal);
  }

  #guarded(task: EventTask, guard: HandlerGuard): unknown {
    const { signal, recovery } = this.#host;
    if (task.compensating !== undefined) return this.#call(task, signal);
    const { event } = task;
    return guard.run({
      handler: recovery.handlerOf(event),
      event,
      signal,
      call: (own) => this.#call(task, own),
    });
  }

  /** Calls the handler once for all of the tasks, and for each by itself if that fails. */
  async #handleBatch(tasks: readonly EventTask[]): Promise<void> {
    const own = tasks.filter(({ ticket }) => this.#mark.begin?.(ticket) !== false);
    const [first] = own;
    if (first?.batches === undefined) return this.#lanes.settleBatch(tasks, 'finished');
    if (own.some((task) => this.#failures.mayBeParked(task))) return this.#split(tasks);
    const waitMs = this.#failures.outageWait();
    if (waitMs > 0) return this.#lanes.settleBatch(tasks, { retryAfterMs: waitMs });
    for (const task of own) task.attempt += 1;
    const attempt = Math.max(...own.map((task) => task.attempt));
    const end = first.batches.begin(own.length);
    const watched: WatchedCall = {
      isRunning: true,
      handler: this.#host.recovery.handlerOf(first.event),
      event: first.event,
      looks: 0,
    };
    this.#host.recovery.slow.watch(watched);
    try {
      await this.#callBatch(first.batches.handler, own, attempt);
      end(false);
      this.#lanes.settleBatch(tasks, this.#allSucceeded(own));
    } catch (thrown) {
      end(true);
      this.#batchFailed(tasks, own, thrown);
    } finally {
      this.#host.recovery.slow.unwatch(watched);
    }
  }

  async #callBatch(handler: BatchHandler, tasks: readonly EventTask[], attempt: number): Promise<void> {
    const { recovery, signal } = this.#host;
    const events = tasks.map(({ event }) => event);
    const [event] = events;
    const guard = recovery.of(event);
    const call = (own: AbortSignal): unknown => this.#handlers.batch(handler, events, attempt, own);
    if (guard.isPlain || event === undefined) await call(signal);
    else await guard.run({ handler: recovery.handlerOf(event), event, signal, call });
  }

  #allSucceeded(tasks: readonly EventTask[]): LaneOutcome {
    if (this.#host.signal.aborted) return 'blocked';
    this.#host.counts.handled += tasks.length;
    this.#failures.backendIsThere();
    let hasMoved = false;
    for (const { ticket } of tasks) hasMoved = this.#mark.finish(ticket) || hasMoved;
    if (hasMoved && !this.#taking) this.#report();
    return 'finished';
  }

  /** What is nobody's fault has the batch wait as it is; of anything else only a single event can be the reason. */
  #batchFailed(tasks: readonly EventTask[], own: readonly EventTask[], thrown: unknown): void {
    const [first] = own;
    if (first === undefined || this.#host.signal.aborted) return this.#lanes.settleBatch(tasks, 'blocked');
    const error = toError(thrown);
    const isOpen = error instanceof BreakerOpenError;
    if (tasks.length > 1 && !isOutage(error) && !isOpen) {
      this.#host.counts.retried += 1;
      return this.#split(tasks);
    }
    if (isOpen) for (const task of own.slice(1)) task.attempt -= 1;
    if (tasks.length === 1 && !isOpen) first.batch = undefined;
    const outcome = this.#failures.failed(first, error);
    // One that is settled later is settled by itself: a batch of several has an outcome at once.
    if (outcome !== undefined) this.#lanes.settleBatch(tasks, outcome);
  }

  /** Each is handled by itself. */
  #split(tasks: readonly EventTask[]): void {
    for (const task of tasks) task.batch = undefined;
    this.#lanes.settleBatch(tasks, 'split');
  }

  #newCall(): PendingCall {
    const { recovery } = this.#host;
    const ended = (): EventTask => {
      const { task } = call;
      if (task === undefined) throw new Error('A call has ended twice.');
      call.task = undefined;
      if (call.looks > 0) recovery.slow.ended(call);
      this.#calls.push(call);
      return task;
    };
    const call: PendingCall = {
      task: undefined,
      looks: 0,
      get isRunning() {
        return call.task !== undefined;
      },
      get event() {
        return call.task?.event;
      },
      get handler() {
        return call.task === undefined ? '' : recovery.handlerOf(call.task.event);
      },
      fulfilled: () => {
        const task = ended();
        this.#lanes.settle(task, this.#succeeded(task));
      },
      rejected: (thrown) => {
        const task = ended();
        const outcome = this.#failures.failed(task, thrown);
        if (outcome !== undefined) this.#lanes.settle(task, outcome);
      },
    };
    this.#watched.push(call);
    recovery.slow.watch(call);
    return call;
  }

  #succeeded(task: EventTask): LaneOutcome {
    // A handler told to stop may have returned without having done its work: the event is delivered again.
    if (this.#host.signal.aborted) return 'blocked';
    this.#failures.backendIsThere();
    if (task.compensating !== undefined) return this.#failures.compensated(task, task.compensating);
    this.#host.counts.handled += 1;
    return this.#finished(task);
  }

  #finished(task: EventTask): LaneOutcome {
    if (this.#mark.finish(task.ticket) && !this.#taking) this.#report();
    return 'finished';
  }

  #fail(cause: Parameters<DispatcherHost['fail']>[0]): void {
    this.#over = true;
    this.#lanes.hold();
    this.#host.fail(cause);
  }

  #report(): void {
    if (this.#mark.position !== undefined) this.#host.progress(this.#mark.position);
  }

  #hasRoom(): boolean {
    return this.#over || (this.#lanes.size < this.#mostPending && this.#mark.span < this.#mostAhead);
  }

  #settled(): void {
    if (this.#room !== undefined && this.#hasRoom()) {
      this.#room();
      this.#room = undefined;
      this.#lanes.hurry(this.#draining);
    }
    if (this.#watchers.length === 0) return;
    const due = this.#watchers.filter(({ isDue }) => isDue());
    this.#watchers = this.#watchers.filter((watcher) => !due.includes(watcher));
    for (const { resolve } of due) resolve();
  }

  #until(isDue: () => boolean): Promise<void> {
    if (isDue()) return Promise.resolve();
    return new Promise((resolve) => void this.#watchers.push({ isDue, resolve }));
  }
}

const isThenable = (value: unknown): value is PromiseLike<unknown> =>
  value !== null &&
  (typeof value === 'object' || typeof value === 'function') &&
  'then' in value &&
  typeof value.then === 'function';
