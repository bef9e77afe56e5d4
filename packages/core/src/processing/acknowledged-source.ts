import type {
  GroupConsumer,
  GroupDelivery,
  PersistentSubscriptions,
} from '../backend/persistent-subscriptions.js';
import { sleep } from '../clock.js';
import { ConfigurationError } from '../error.js';
import { compileFilter } from '../log/filter.js';
import type { RecordedEvent } from '../messages/event.js';
import type { PersistentSubscriptionSource } from '../model/persistent-subscription.js';
import { RetrySchedule } from '../recovery/retry-schedule.js';
import { describeError, toError } from '../recovery/thrown.js';
import type { Intake } from '../routing/intake.js';
import type { RoutedEvent } from '../routing/routed-event.js';
import { Acknowledgements } from './acknowledgements.js';
import { Gate } from './gate.js';
import type { RunnerEnvironment } from './runner-environment.js';
import type { Source, SourceHost } from './source.js';

/**
 * A group of consumers that the server manages. Each event is answered by itself; there is no position.
 *
 * Holding it, and ending it, means leaving the group once no handler is running: only so does the server give to others at once
 * what was delivered and not started, without counting it as a failed delivery that leads to parking.
 */
export class AcknowledgedSource implements Source {
  readonly checkpointer = undefined;
  readonly position = undefined;
  readonly work: Acknowledgements;
  readonly #source: PersistentSubscriptionSource;
  readonly #environment: RunnerEnvironment;
  readonly #intake: Intake;
  readonly #host: SourceHost;
  readonly #gate = new Gate();
  readonly #closing = new AbortController();
  readonly #ended: Promise<void>;
  #end: () => void = () => {};
  #consumer: GroupConsumer | undefined;
  /** Settles when no handler is running, while it is held. */
  #idle: Promise<void> = Promise.resolve();
  #following: Promise<void> | undefined;
  #matches: (event: RecordedEvent) => boolean = () => true;

  constructor(
    source: PersistentSubscriptionSource,
    environment: RunnerEnvironment,
    intake: Intake,
    host: SourceHost,
  ) {
    this.#source = source;
    this.#environment = environment;
    this.#intake = intake;
    this.#host = host;
    this.work = new Acknowledgements(host.counts);
    this.#ended = new Promise((resolve) => (this.#end = resolve));
  }

  async open(): Promise<void> {
    await this.#groups().ensure(this.#source);
  }

  follow(): void {
    this.#following = this.#follow();
  }

  progress(): void {
    // Nothing goes by positions here.
  }

  async healthy(): Promise<void> {
    // What is finished is told by the way, and again if need be: nothing waits for it.
  }

  hold(idle: Promise<void>): void {
    this.#gate.close();
    this.#idle = idle;
    this.#consumer?.halt();
  }

  release(): void {
    this.#gate.open();
  }

  async flush(): Promise<void> {
    // Acknowledgements are on their way as soon as there are any.
  }

  async close(): Promise<void> {
    this.#closing.abort();
    this.#consumer?.halt();
    this.#gate.remove();
    // Others are to have it: the handlers that are running are all that is waited for.
    this.work.dropUnstarted();
  }

  stopRetrying(): void {
    // Nothing is.
  }

  async end(): Promise<void> {
    this.#end();
    await this.#following;
  }

  /** Consumes until it is closed; a connection that is lost is replaced, after a wait that grows from try to try. */
  async #follow(): Promise<void> {
    const { clock, schema } = this.#environment;
    const { signal } = this.#closing;
    let waits = new RetrySchedule().waits();
    while (!signal.aborted) {
      if (!this.#gate.isOpen) await this.#gate.pass();
      if (signal.aborted) return;
      const consumer = this.#groups().join(this.#source);
      this.#consumer = consumer;
      this.#matches = compileFilter(this.#intake.filter(schema));
      const unlisten = this.#intake.onWider(() => {
        this.#matches = compileFilter(this.#intake.filter(schema));
      });
      const error = await this.#consume(consumer, () => {
        waits = new RetrySchedule().waits();
      });
      unlisten();
      this.#consumer = undefined;
      if (error === undefined) {
        await Promise.race([signal.aborted ? this.#ended : this.#idle, this.#ended]);
        this.work.dropAll();
        await consumer.close();
        continue;
      }
      this.work.lost(consumer);
      await consumer.close();
      if (signal.aborted) return;
      if (error instanceof ConfigurationError) {
        this.#host.fail({ error, attempts: 1 });
        return;
      }
      this.#host.trouble('subscription', {
        what: `it has lost its connection to group "${this.#source.group}"`,
        error,
      });
      await sleep(clock, waits.next(), signal);
    }
  }

  /** @returns why the connection was lost; `undefined` if it is to be left */
  async #consume(consumer: GroupConsumer, joined: () => void): Promise<Error | undefined> {
    try {
      for await (const deliveries of consumer) {
        joined();
        this.#host.trouble('subscription', undefined);
        for (const delivery of deliveries) {
          if (this.#isLeaving()) break;
          const taken = this.#take(delivery, consumer);
          if (taken !== undefined) await taken;
        }
      }
      return this.#isLeaving() ? undefined : new Error('the server has ended it');
    } catch (thrown) {
      return toError(thrown);
    }
  }

  /** @throws {ConfigurationError} the backend has none */
  #groups(): PersistentSubscriptions {
    const { persistentSubscriptions, name } = this.#environment.backend;
    if (persistentSubscriptions !== undefined) return persistentSubscriptions;
    throw new ConfigurationError(
      `The persistent subscription "${this.#source.group}" is the source of a processor, and the backend ${name} has none: run it ` +
        'on eventStoreDb(), or leave the source out, to follow the log.',
    );
  }

  #isLeaving(): boolean {
    return this.#closing.signal.aborted || !this.#gate.isOpen;
  }

  #take(delivery: GroupDelivery, consumer: GroupConsumer): void | Promise<void> {
    if (this.work.isInHand(delivery, consumer)) return;
    const events = this.#read(delivery, consumer);
    const [first] = events;
    if (first === undefined) return;
    this.work.expect(delivery, consumer, first);
    return this.#host.take({ events, position: delivery.event.position, caughtUp: false });
  }

  /** What the processor takes of it. What it takes nothing of is answered here. */
  #read({ event, id }: GroupDelivery, consumer: GroupConsumer): readonly RoutedEvent[] {
    try {
      const events = this.#matches(event) ? this.#intake.select(this.#environment.schema.readOne(event)) : [];
      if (events.length === 0) consumer.ack(id);
      return events;
    } catch (thrown) {
      this.#host.counts.parked += 1;
      consumer.nack(id, 'park', describeError(toError(thrown)));
      return [];
    }
  }
}
