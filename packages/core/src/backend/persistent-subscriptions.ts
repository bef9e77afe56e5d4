import type { RecordedEvent } from '../messages/event.js';
import type { PersistentSubscriptionSource } from '../model/persistent-subscription.js';

/** An event as a group delivers it to one of its consumers. */
export interface GroupDelivery {
  readonly event: RecordedEvent;
  /** What it is acknowledged by; the same when it is delivered again. */
  readonly id: string;
  /** How often it was delivered before. */
  readonly retries: number;
}

/**
 * A connection to a group. Iterating gives deliveries as they come, and first of all an empty list, when the group has let it in.
 * It throws when the connection is lost, and ends after {@link halt}. What was neither acknowledged nor refused then goes to others.
 */
export interface GroupConsumer extends AsyncIterable<readonly GroupDelivery[]> {
  /** The event is handled. Sent soon; whether it arrives cannot be told. */
  ack(id: string): void;
  /** The event is not handled: park it, leave it out for good, or deliver it again. */
  nack(id: string, action: 'park' | 'skip' | 'retry', reason: string): void;
  /** Delivers nothing more; what was delivered can still be acknowledged. */
  halt(): void;
  /** Sends what was acknowledged, and leaves the group. Never rejects. */
  close(): Promise<void>;
}

/** A group as its server sees it, all consumers together. */
export interface GroupInfo {
  /** Events that are kept aside because they could not be handled. */
  readonly parked: number;
  /** Events that consumers have in hand. */
  readonly inFlight: number;
  /** How many consumers there are, in all processes. */
  readonly consumers: number;
  /**
   * How far the group's stored checkpoint is behind: versions of its stream, or positions of the log. Checkpoints are stored now
   * and then only, so it need not come to 0; before the first one it counts from the beginning.
   */
  readonly lag: bigint;
}

/** An event that a group keeps aside. */
export interface ParkedEntry {
  /** The event; `undefined` if it is gone meanwhile. */
  readonly event: RecordedEvent | undefined;
  readonly reason: string | undefined;
  readonly parkedAt: Date | undefined;
}

/** Groups of competing consumers that the server manages. */
export interface PersistentSubscriptions {
  /**
   * Makes the group, or brings its settings up to date; then its consumers connect anew.
   *
   * @throws {ConfigurationError} it is there with settings that cannot be changed, or that the server does not take
   */
  ensure(source: PersistentSubscriptionSource): Promise<void>;
  /** Connects to the group. Iterating throws a {@link ConfigurationError} if it is gone. */
  join(source: PersistentSubscriptionSource): GroupConsumer;
  /** How the group is doing. */
  info(source: PersistentSubscriptionSource): Promise<GroupInfo>;
  /** The oldest of the parked events. */
  parked(source: PersistentSubscriptionSource, limit: number): Promise<readonly ParkedEntry[]>;
  /**
   * Has parked events delivered once more, the oldest first.
   *
   * @param limit most of them
   * @returns how many
   */
  replayParked(source: PersistentSubscriptionSource, limit: number): Promise<number>;
}
