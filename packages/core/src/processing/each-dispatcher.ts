import type { BatchHandler } from '../model/batch-handler.js';
import type { BatchDelivery, EachDelivery } from '../model/processor-definition.js';
import { isOutage } from '../recovery/outage.js';
import { describeError, toError } from '../recovery/thrown.js';
import type { RoutedEvent } from '../routing/routed-event.js';
import { defaultBatchSize, defaultConcurrency } from './defaults.js';
import type { Dispatcher, DispatcherHost, ReadBatch } from './dispatcher.js';
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
interface PendingCall {
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
  /** Calls that have ended, to be used again. */
  readonly #calls: PendingCall[] = [];
  readonly #mostPending: number;
  readonly #mostAhead: number;
  /** While a batch is taken in, the mark is reported once, at its end. */
  #taking = false;
  #over = false;
  #outage = false;
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
    this.#lanes.hurry(true);
    return this.#until(() => this.#lanes.size === 0 || (this.#over && this.#lanes.inFlight === 0));
  }

  discard(): void {
    this.#over = true;
    this.#lanes.discard();
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
      if (event !== undefined) this.#enter(event, ticket);
    }
    return end;
  }

  #enter(event: RoutedEvent, ticket: number): void {
    let sequence: string;
    let rank: Rank;
    let batches: EventBatches | undefined;
    try {
      sequence = this.#delivery.key?.(event) ?? event.stream;
      rank = this.#ranks.of(event);
      batches = this.#batchesOf(event);
    } catch (thrown) {
      if (this.#refused(ticket, toError(thrown))) return;
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
      attempt: 0,
      failures: 0,
      waits: undefined,
    });
  }

  #batchesOf(event: RoutedEvent): EventBatches | undefined {
    const delivery = this.#delivery;
    if (delivery.mode === 'batch') return this.#batches.get(delivery);
    const handler = delivery.batchOf?.(event);
    return handler === undefined ? undefined : this.#batches.get(handler);
  }

  /** Gives the outcome of a synchronous handler; for another, the lanes are told later. */
  #handle(task: EventTask): LaneOutcome | undefined {
    if (this.#mark.begin?.(task.ticket) === false) return 'finished';
    task.attempt += 1;
    try {
      if (task.event.routing?.failure !== undefined) throw task.event.routing.failure;
      const result = this.#call(task);
      if (!isThenable(result)) return this.#succeeded(task);
      const call = this.#calls.pop() ?? this.#newCall();
      call.task = task;
      // Not in an asynchronous function: that would cost another promise for each event.
      void Promise.resolve(result).then(call.fulfilled, call.rejected);
      return undefined;
    } catch (thrown) {
      return this.#failed(task, thrown);
    }
  }

  #call({ event, batches, attempt }: EventTask): unknown {
    if (batches !== undefined) return this.#handlers.batch(batches.handler, [event], attempt);
    if (this.#delivery.mode === 'each') return this.#handlers.one(this.#delivery, event, attempt);
    return this.#handlers.batch(this.#delivery, [event], attempt);
  }

  /** Calls the handler once for all of the tasks, and for each by itself if that fails. */
  async #handleBatch(tasks: readonly EventTask[]): Promise<void> {
    const batches = tasks[0]?.batches;
    const own = tasks.filter(({ ticket }) => this.#mark.begin?.(ticket) !== false);
    if (batches === undefined || own.length === 0) return this.#lanes.settleBatch(tasks, 'finished');
    for (const task of own) task.attempt += 1;
    const attempt = Math.max(...own.map((task) => task.attempt));
    const end = batches.begin(own.length);
    let outcome: LaneOutcome | 'split';
    try {
      await this.#handlers.batch(
        batches.handler,
        own.map(({ event }) => event),
        attempt,
      );
      end(false);
      outcome = this.#allSucceeded(own);
    } catch (thrown) {
      end(true);
      outcome = this.#batchFailed(own, thrown);
    }
    this.#lanes.settleBatch(tasks, outcome);
  }

  #allSucceeded(tasks: readonly EventTask[]): LaneOutcome {
    if (this.#host.signal.aborted) return 'blocked';
    this.#host.counts.handled += tasks.length;
    if (this.#outage) this.#setOutage(undefined);
    let hasMoved = false;
    for (const { ticket } of tasks) hasMoved = this.#mark.finish(ticket) || hasMoved;
    if (hasMoved && !this.#taking) this.#report();
    return 'finished';
  }

  /** An outage is nobody's fault, so the batch waits as it is; of anything else only a single event can be the reason. */
  #batchFailed(tasks: readonly EventTask[], thrown: unknown): LaneOutcome | 'split' {
    const [first, second] = tasks;
    if (first === undefined || this.#host.signal.aborted) return 'blocked';
    if (second === undefined) {
      first.batch = undefined;
      return this.#failed(first, thrown);
    }
    if (isOutage(thrown)) return this.#failed(first, thrown);
    this.#host.counts.retried += 1;
    for (const task of tasks) task.batch = undefined;
    return 'split';
  }

  #newCall(): PendingCall {
    const ended = (): EventTask => {
      const { task } = call;
      if (task === undefined) throw new Error('A call has ended twice.');
      call.task = undefined;
      this.#calls.push(call);
      return task;
    };
    const call: PendingCall = {
      task: undefined,
      fulfilled: () => {
        const task = ended();
        this.#lanes.settle(task, this.#succeeded(task));
      },
      rejected: (thrown) => {
        const task = ended();
        this.#lanes.settle(task, this.#failed(task, thrown));
      },
    };
    return call;
  }

  #succeeded(task: EventTask): LaneOutcome {
    // A handler told to stop may have returned without having done its work: the event is delivered again.
    if (this.#host.signal.aborted) return 'blocked';
    this.#host.counts.handled += 1;
    if (this.#outage) this.#setOutage(undefined);
    if (this.#mark.finish(task.ticket) && !this.#taking) this.#report();
    return 'finished';
  }

  #failed(task: EventTask, thrown: unknown): LaneOutcome {
    if (this.#host.signal.aborted) return 'blocked';
    const error = toError(thrown);
    const { retry, counts } = this.#host;
    if (isOutage(thrown)) this.#setOutage(error);
    else task.failures += 1;
    if (task.failures >= retry.attempts) {
      if (this.#refused(task.ticket, error)) return 'finished';
      this.#fail({ error, event: task.event, attempts: task.attempt });
      return 'blocked';
    }
    counts.retried += 1;
    task.waits ??= retry.waits();
    return { retryAfterMs: task.waits.next() };
  }

  /** True if the source keeps aside what cannot be handled. */
  #refused(ticket: number, error: Error): boolean {
    if (this.#mark.refuse === undefined) return false;
    this.#mark.refuse(ticket, 'park', describeError(error));
    return true;
  }

  #setOutage(error: Error | undefined): void {
    this.#outage = error !== undefined;
    this.#host.outage(error);
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
      this.#lanes.hurry(false);
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
