import type { Codec, Health, NodeStore, SnapshotStore } from '@tidemark/core';
import type { Relay } from './events/relay.js';

/** What a layer that keeps snapshots must know of the log that they are of. */
export interface CachedLog {
  readonly codec: Codec;
  /** Looks whether this is still the same log, and has {@link LiveLayer.relay} started anew if not. */
  checkIdentity(): Promise<unknown>;
  /**
   * Makes the log's identity another one, for all processes: what they keep under the present one is forgotten.
   */
  renewIdentity(): Promise<void>;
}

/**
 * What makes a backend on SQL quicker to notice things, and may be away at any time: with it or without it, the backend
 * gives the same answers.
 */
export interface LiveLayer {
  readonly relay: Relay;

  /** A store that keeps for a while what it read from `inner`. */
  snapshots(inner: SnapshotStore, log: CachedLog): SnapshotStore;

  /** A store that notices sooner than `inner` that a node is gone. */
  nodes(inner: NodeStore): NodeStore;

  /** How well it works, from what it knows already. `up` before it is opened and after it is closed. */
  health(): Health;

  /**
   * Begins to connect, and waits for nothing.
   *
   * @throws {ConfigurationError} another backend has it open
   */
  open(): void;

  /** Ends all connections. The layer can be opened again. */
  close(): Promise<void>;
}
