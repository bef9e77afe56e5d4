import type { Metadata } from '@grpc/grpc-js';
import type { AccessControl } from './access-control.js';
import type { FilterRule } from './event-filter.js';
import type { EventLog } from './event-log.js';
import type { Faults } from './faults.js';
import type { Groups } from './persistent/groups.js';

/** Where a node is reached. */
export interface EndPoint {
  readonly host: string;
  readonly port: number;
}

/** A node as its peers see it. */
export interface Member extends EndPoint {
  readonly id: string;
  readonly leads: boolean;
  readonly alive: boolean;
}

/** What all nodes of a cluster share: what is stored. */
export interface Database {
  readonly log: EventLog;
  readonly groups: Groups;
  readonly access: AccessControl;
}

/** What the services of one node work with. */
export interface NodeContext extends Database {
  readonly faults: Faults;
  readonly maxAppendSize: number;
  /** The nodes of the cluster, this one among them. */
  members(): readonly Member[];
  /** The leader, where that is another node. */
  otherLeader(): EndPoint | undefined;
  /** Closes the connection of a peer, as a broken network does. */
  drop(peer: string): void;
  /** Notes what a subscription to the log is filtered by. */
  subscribed(filter: FilterRule | undefined): void;
  /** A signal for subscriptions that were asked to say that they have fallen behind. */
  onFellBehind(listener: () => void): () => void;
}

/** Who calls, and how. */
export interface Caller {
  readonly metadata: Metadata;
  readonly peer: string;
  /** Aborts when the call is over, in whatever way. */
  readonly signal: AbortSignal;
}
