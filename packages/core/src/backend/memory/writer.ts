/** How a port of the memory backend gets at its tables: through the gate, or inside of a transaction that holds it. */
export interface Writer {
  /** Runs one change, whole or not at all, when no one else writes. */
  write<Result>(change: () => Result): Promise<Result>;
  /** @throws the backend is closed, or the transaction over */
  checkUsable(): void;
}
