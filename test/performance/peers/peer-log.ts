/** Another framework's event store, used as its documentation does. */
export interface PeerLog {
  /** Appends to a new stream. */
  append(stream: string, size: number): Promise<unknown>;
  /** Reads a stream, and says how many events it has. */
  readStream(stream: string): Promise<number>;
  /** How many events there are. */
  count(): Promise<number>;
  /**
   * Follows the log with a handler that does nothing, while `work` is done, until so many events have come, or none for a
   * while, and says how many came, each counted once. Not all have a subscription.
   */
  follow?(events: number, work: () => Promise<unknown>): Promise<number>;
  close(): Promise<void>;
}
