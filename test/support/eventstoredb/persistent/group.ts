import { status } from '@grpc/grpc-js';
import type { EventLog } from '../event-log.js';
import { type EventRecord, originalOf, type ResolvedEvent } from '../event-record.js';
import { resolve, visible } from '../log-reader.js';
import { groupError, type RpcError } from '../rpc-errors.js';
import type { Consumer, Message } from './consumer.js';
import type { GroupKey, GroupSettings } from './group-settings.js';
import { Parked } from './parked.js';
import { type Strategy, strategyOf } from './strategy.js';

/** What a consumer may want done with what it cannot handle. */
export type NackAction = 'retry' | 'park' | 'skip';

/** How many events are looked at for one that somebody has room for. */
const BACKLOG = 500;

/** A persistent subscription: one reader of a stream or of the log, and many consumers who share it. */
export class Group {
  readonly parked: Parked;
  readonly consumers: Consumer[] = [];
  readonly #log: EventLog;
  readonly #key: GroupKey;
  readonly #backlog: Message[] = [];
  readonly #timers = new Map<string, NodeJS.Timeout>();
  readonly #stopWatching: () => void;
  #settings: GroupSettings;
  #strategy: Strategy;
  /** The next index of the log, or revision of the stream. */
  #next: bigint;
  #delivered: EventRecord | undefined;

  constructor(log: EventLog, key: GroupKey, settings: GroupSettings) {
    this.#log = log;
    this.#key = key;
    this.#settings = settings;
    this.#strategy = strategyOf(settings.strategy);
    this.parked = new Parked(log, key);
    this.#next = this.#startAt(settings.startFrom);
    this.#stopWatching = log.onChange(() => this.#pump());
  }

  get key(): GroupKey {
    return this.#key;
  }

  get settings(): GroupSettings {
    return this.#settings;
  }

  /** The newest event that was handed out. */
  get delivered(): EventRecord | undefined {
    return this.#delivered;
  }

  /** Lets a consumer in; refuses one too many. */
  join(consumer: Consumer): void {
    const { maxSubscriberCount } = this.#settings;
    if (maxSubscriberCount > 0 && this.consumers.length >= maxSubscriberCount) {
      throw this.error(
        status.FAILED_PRECONDITION,
        'maximum-subscribers-reached',
        (group, source) =>
          `Maximum subscriptions reached for subscription group ${group} on stream ${source}.`,
      );
    }
    this.consumers.push(consumer);
    queueMicrotask(() => this.#pump());
  }

  /** Sees a consumer off; what it had not acknowledged goes to others. */
  leave(consumer: Consumer): void {
    const index = this.consumers.indexOf(consumer);
    if (index < 0) return;
    this.consumers.splice(index, 1);
    const left = [...consumer.inFlight.values()];
    consumer.inFlight.clear();
    for (const message of left) this.#again(message);
    this.#pump();
  }

  /** Takes what a consumer has handled. */
  ack(consumer: Consumer, ids: readonly string[]): void {
    for (const id of ids) this.#take(consumer, id);
    this.#pump();
  }

  /** Takes what a consumer could not handle. */
  nack(consumer: Consumer, ids: readonly string[], action: NackAction, reason: string): void {
    for (const id of ids) {
      const message = this.#take(consumer, id);
      if (message === undefined || action === 'skip') continue;
      if (action === 'park') this.parked.add(message.resolved, reason);
      else this.#retryOrPark(message);
    }
    this.#pump();
  }

  /** Hands out once more what was parked. */
  replay(stopAt: bigint | undefined): void {
    for (const resolved of this.parked.takeAll(stopAt)) this.#insert(messageOf(resolved));
    this.#pump();
  }

  /** Takes other settings; consumers have to connect anew, the place is kept. */
  update(settings: Omit<GroupSettings, 'filter'>): void {
    this.#settings = { ...settings, filter: this.#settings.filter };
    this.#strategy = strategyOf(settings.strategy);
    this.#dropAll();
  }

  /** Ends the group. */
  delete(): void {
    this.#stopWatching();
    this.#dropAll();
    for (const timer of this.#timers.values()) clearTimeout(timer);
  }

  /** An error about this group. */
  error(code: status, exception: string, say: (group: string, source: string) => string): RpcError {
    const { group, source } = this.#key;
    return groupError(code, exception, say(group, source), source, group);
  }

  #dropAll(): void {
    const error = this.error(
      status.CANCELLED,
      'persistent-subscription-dropped',
      (group, source) => `Subscription group ${group} on stream ${source} was dropped.`,
    );
    for (const consumer of this.consumers.splice(0)) {
      for (const message of consumer.inFlight.values()) this.#again(message);
      consumer.inFlight.clear();
      consumer.drop(error);
    }
  }

  #startAt(from: bigint | 'start' | 'end'): bigint {
    if (from === 'start') return 0n;
    const all = this.#key.source === '$all';
    const events = all ? this.#log.events : this.#log.stream(this.#key.source);
    if (from === 'end') return BigInt(events.length);
    return all ? BigInt(this.#log.indexOf(from)) : from;
  }

  #pump(): void {
    this.#fill();
    for (let index = 0; index < this.#backlog.length; ) {
      const message = this.#backlog[index];
      const consumer = message && this.#strategy.choose(message, this.consumers);
      if (message === undefined || consumer === undefined) {
        // Others may still have room for what is not pinned to the one that is full.
        index += 1;
        continue;
      }
      this.#backlog.splice(index, 1);
      this.#send(consumer, message);
      this.#fill();
    }
  }

  #fill(): void {
    const { source } = this.#key;
    const { resolveLinks, filter } = this.#settings;
    const all = source === '$all';
    const events = all ? this.#log.events : this.#log.stream(source);
    if (this.#next >= BigInt(events.length)) return;
    const shown = all ? undefined : new Set(visible(this.#log, source));
    while (this.#backlog.length < BACKLOG) {
      const event = events[Number(this.#next)];
      if (event === undefined) return;
      this.#next += 1n;
      const wanted = shown === undefined ? filter(event) : shown.has(event);
      if (wanted) this.#backlog.push(messageOf(resolve(this.#log, event, resolveLinks)));
    }
  }

  #send(consumer: Consumer, message: Message): void {
    consumer.inFlight.set(message.id, message);
    consumer.sent += 1;
    this.#delivered = originalOf(message.resolved);
    consumer.send(message);
    const { messageTimeoutMs } = this.#settings;
    if (messageTimeoutMs <= 0) return;
    const timer = setTimeout(() => {
      if (this.#take(consumer, message.id) === undefined) return;
      this.#retryOrPark(message);
      this.#pump();
    }, messageTimeoutMs);
    timer.unref();
    this.#timers.set(message.id, timer);
  }

  #take(consumer: Consumer, id: string): Message | undefined {
    const message = consumer.inFlight.get(id);
    consumer.inFlight.delete(id);
    clearTimeout(this.#timers.get(id));
    this.#timers.delete(id);
    return message;
  }

  #retryOrPark(message: Message): void {
    const { maxRetryCount } = this.#settings;
    if (message.retryCount < maxRetryCount) this.#again(message);
    else this.parked.add(message.resolved, `Reached retry count of ${maxRetryCount}`);
  }

  #again(message: Message): void {
    clearTimeout(this.#timers.get(message.id));
    this.#timers.delete(message.id);
    this.#insert({ ...message, retryCount: message.retryCount + 1 });
  }

  /** Puts a message before all younger ones. */
  #insert(message: Message): void {
    const { position } = originalOf(message.resolved);
    const at = this.#backlog.findIndex(({ resolved }) => originalOf(resolved).position > position);
    this.#backlog.splice(at < 0 ? this.#backlog.length : at, 0, message);
  }
}

const messageOf = (resolved: ResolvedEvent): Message => ({
  id: originalOf(resolved).id,
  resolved,
  retryCount: 0,
});
