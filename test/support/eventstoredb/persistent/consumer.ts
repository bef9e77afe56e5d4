import type { ResolvedEvent } from '../event-record.js';
import type { RpcError } from '../rpc-errors.js';

/** An event on its way to a consumer. */
export interface Message {
  /** What the consumer acknowledges: the id of the link if there is one. */
  readonly id: string;
  readonly resolved: ResolvedEvent;
  /** How often it has been sent before. */
  readonly retryCount: number;
}

/** One connection that reads for a group. */
export interface Consumer {
  readonly name: string;
  readonly user: string;
  /** How many messages it takes before it has acknowledged any. */
  readonly bufferSize: number;
  /** What was sent and is neither acknowledged nor refused. */
  readonly inFlight: Map<string, Message>;
  /** How many were sent in all. */
  sent: number;
  send(message: Message): void;
  /** Ends the connection with an error. */
  drop(error: RpcError): void;
}

/** Whether a consumer takes one more. */
export const hasRoom = (consumer: Consumer): boolean => consumer.inFlight.size < consumer.bufferSize;
