import type { Backend } from '../backend/backend.js';
import { sleep, type Clock } from '../clock.js';
import { currentContext } from '../messages/context.js';
import type { RecordedEvent } from '../messages/event.js';
import type { EventFilter } from '../log/filter.js';
import type { HandlerContext, RetryPolicy } from '../model/processor-definition.js';
import type { Problems } from '../observation/problems.js';
import { defaultAbandonMs } from '../processing/defaults.js';
import { LogFollower } from '../processing/log-follower.js';
import { eventContext, type OpenScope } from '../processing/message-scope.js';
import { readBatch } from '../processing/read-batch.js';
import { settledWithin } from '../processing/settled-within.js';
import { RetrySchedule } from '../recovery/retry-schedule.js';
import { toError } from '../recovery/thrown.js';
import type { Schema } from '../schema/schema.js';
import type { SubscriptionBatch } from '../log/event-store.js';
import { compileMatch, type CompiledMatch, type Match } from './event-match.js';
import { storedPart } from './pushed-filter.js';

/** What a subscription calls for each event: as a method with `@On`. A promise is waited for. */
export type LiveHandler<Data = unknown> = (data: Data, context: HandlerContext) => unknown;

/** Where a subscription starts, and how it bears failure. */
export interface LiveSubscriptionOptions {
  /** Start behind this position. Default: the head of the log, so that it gets what is appended from now on. */
  readonly after?: bigint | undefined;
  /** What it is called in the health and in `context.processor`. Default: `subscription 1` and so on. */
  readonly name?: string | undefined;
  /** Default: as of processors, 5 tries. */
  readonly retry?: RetryPolicy | undefined;
  /** Ends it when aborted. */
  readonly signal?: AbortSignal | undefined;
}

/** A subscription that goes on until it is closed. */
export interface LiveSubscription extends AsyncDisposable {
  readonly name: string;
  /** Everything up to this position was handled, or did not match. */
  readonly position: bigint;
  /** Settles when it has ended; rejects if that was since its handler failed, or an event could not be read. */
  readonly done: Promise<void>;
  /** Ends it: takes nothing more, aborts the signal of the running handler and waits for it, at most 5 seconds. Idempotent. */
  close(): Promise<void>;
}

/** What subscriptions work with. */
export interface LiveEnvironment {
  readonly backend: Backend;
  readonly schema: Schema;
  readonly clock: Clock;
  readonly services: OpenScope;
  readonly problems: Problems;
}

/** The subscriptions of an application that are open. */
export class LiveSubscriptions {
  readonly #environment: LiveEnvironment;
  readonly #open = new Set<LiveSubscription>();
  #count = 0;

  constructor(environment: LiveEnvironment) {
    this.#environment = environment;
  }

  /** Opens one; see `Application.subscribe`. */
  async open<Data>(
    match: Match<Data>,
    handler: LiveHandler<Data>,
    options: LiveSubscriptionOptions = {},
  ): Promise<LiveSubscription> {
    this.#count += 1;
    const { name = `subscription ${this.#count}`, signal } = options;
    const compiled = compileMatch(match, `The match of ${name}`);
    for (const message of compiled.messages) this.#environment.schema.learn(message);
    const retry = new RetrySchedule(options.retry);
    signal?.throwIfAborted();
    const after = options.after ?? (await this.#environment.backend.events.head());
    // Events that the match lets through have the data that its types say.
    const subscription = new Following(
      this.#environment,
      name,
      compiled,
      handler as LiveHandler,
      retry,
      after,
    );
    const close = (): void => void subscription.close();
    signal?.addEventListener('abort', close, { once: true });
    this.#open.add(subscription);
    const ended = (): void => {
      this.#open.delete(subscription);
      signal?.removeEventListener('abort', close);
    };
    // Whoever wants to know of the failure asks `done`; the health shows it in any case.
    void subscription.done.then(ended, ended);
    if (signal?.aborted === true) close();
    return subscription;
  }

  /** Closes all. */
  async close(): Promise<void> {
    await Promise.all([...this.#open].map((subscription) => subscription.close()));
  }
}

class Following implements LiveSubscription {
  readonly name: string;
  readonly done: Promise<void>;
  readonly #environment: LiveEnvironment;
  readonly #match: CompiledMatch;
  readonly #handler: LiveHandler;
  readonly #retry: RetrySchedule;
  readonly #aborting = new AbortController();
  readonly #follower: LogFollower;
  #position: bigint;
  #failure: Error | undefined;
  #handling: HandlerContext | undefined;

  constructor(
    environment: LiveEnvironment,
    name: string,
    match: CompiledMatch,
    handler: LiveHandler,
    retry: RetrySchedule,
    after: bigint,
  ) {
    this.name = name;
    this.#environment = environment;
    this.#match = match;
    this.#handler = handler;
    this.#retry = retry;
    this.#position = after;
    this.#follower = new LogFollower({
      store: environment.backend.events,
      clock: environment.clock,
      subscribe: () => ({ filter: this.#filter() }),
      after,
      take: (batch) => this.#take(batch),
      trouble: (error, reason) => this.#trouble(reason === '' ? undefined : (error ?? new Error(reason))),
    });
    this.done = this.#run();
  }

  get position(): bigint {
    return this.#position;
  }

  async close(): Promise<void> {
    const closed = this.#follower.close();
    this.#aborting.abort(new Error(`${this.name} was closed.`));
    if (this.#failure === undefined) this.#trouble(undefined);
    // A handler that closes its own subscription must not wait for itself.
    if (this.#handling !== undefined && currentContext() === this.#handling) return;
    const ended = this.done.catch(() => undefined);
    await settledWithin(this.#environment.clock, defaultAbandonMs, [ended]);
    await closed;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #run(): Promise<void> {
    await this.#follower.run();
    if (this.#failure !== undefined) throw this.#failure;
  }

  #filter(): EventFilter {
    return storedPart(this.#match.pushed, this.#environment.schema);
  }

  async #take(batch: SubscriptionBatch): Promise<void> {
    const selected = {
      select: (events: readonly RecordedEvent[]) =>
        events.filter((event) => this.#match.narrow(event.type, event.metadata.agentId)?.(event) === true),
      passed: () => undefined,
    };
    const { events, position, unreadable } = readBatch(this.#environment.schema, selected, batch);
    for (const event of events) {
      if (this.#aborting.signal.aborted) return;
      const failure = await this.#handle(event);
      if (failure !== undefined) return this.#fail(failure);
    }
    if (this.#aborting.signal.aborted) return;
    this.#position = position;
    if (unreadable !== undefined) this.#fail(unreadable.error);
  }

  /** @returns why it could not be handled */
  async #handle(event: RecordedEvent): Promise<Error | undefined> {
    const { clock, services } = this.#environment;
    const { signal } = this.#aborting;
    const waits = this.#retry.waits();
    for (let attempt = 1; ; attempt += 1) {
      const context = eventContext(this.name, event, attempt, signal, services);
      this.#handling = context;
      try {
        await context.run(() => this.#handler(event.data, context));
        return undefined;
      } catch (thrown) {
        if (signal.aborted) return undefined;
        if (attempt >= this.#retry.attempts) return toError(thrown);
      } finally {
        this.#handling = undefined;
      }
      await sleep(clock, waits.next(), signal);
      if (signal.aborted) return undefined;
    }
  }

  #fail(error: Error): void {
    this.#failure = error;
    this.#trouble(error);
    void this.#follower.close();
  }

  #trouble(error: Error | undefined): void {
    const { problems } = this.#environment;
    if (error === undefined) {
      if (this.#failure === undefined) problems.resolve(this.name);
    } else problems.report(this.name, error);
  }
}
