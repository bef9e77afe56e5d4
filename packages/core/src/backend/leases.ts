import { TidemarkError } from '../error.js';

/**
 * The right of one owner to do something under a name, such as to process a segment. Its epoch is a fencing token (Kleppmann,
 * "How to do distributed locking", 2016): whoever acts for an older one acts for nobody.
 */
export interface Lease {
  readonly name: string;
  /** Who has it, e.g. the id of a node. Give each start of a process another one: an owner may take its own leases again. */
  readonly owner: string;
  /** Grows with each change of owner, from 1, and never goes back, also when the lease is released meanwhile. */
  readonly epoch: number;
}

/** Which leases to acquire, for whom, and for how long. */
export interface AcquireOptions {
  /** Names of 1 to 500 characters. Those given twice count once. */
  readonly names: readonly string[];
  /** 1 to 200 characters. */
  readonly owner: string;
  /** Milliseconds until they expire unless they are renewed; above 0. */
  readonly ttlMs: number;
}

/** A lease as it stands in the store, at one moment of the store's clock. */
export interface LeaseStatus {
  readonly name: string;
  /** Who has it, or had it when it expired; `undefined` after it was released. */
  readonly owner: string | undefined;
  readonly epoch: number;
  /** Milliseconds until it expires; 0 when it has expired or was released, and anyone may acquire it. */
  readonly remainingMs: number;
}

/**
 * Leases: names that one owner at a time has, for a while. Time is the store's own clock, so that a node with a skewed clock
 * neither loses what it has nor takes what others have.
 *
 * A lease that expired and that nobody took is still its owner's to renew and to use: what fences is the epoch, and expiry only
 * says that others may take it.
 */
export interface LeaseStore {
  /**
   * Takes those of the names that are free, expired or the owner's own; the others are left alone. Its own ones keep their
   * epoch and last from now on. A lease that a transaction under way has fenced itself with ({@link LeaseFence.hold}) is not
   * taken before that ends: try again.
   *
   * @returns the leases that the owner has now, by name
   * @throws {InvalidArgumentError} a name, the owner or the time is out of range
   */
  acquire(options: AcquireOptions): Promise<readonly Lease[]>;

  /**
   * Lets leases last for so many milliseconds from now on.
   *
   * @returns those that the owner still has, by name; the others are lost
   * @throws {InvalidArgumentError} `ttlMs` is not above 0
   */
  renew(leases: readonly Lease[], ttlMs: number): Promise<readonly Lease[]>;

  /** Gives leases up, so that others can have them at once. Those that were lost are left alone. */
  release(leases: readonly Lease[]): Promise<void>;

  /** All leases that were ever acquired, by name, or those whose names begin with the prefix. */
  list(prefix?: string): Promise<readonly LeaseStatus[]>;
}

/** Fences a transaction by leases. */
export interface LeaseFence {
  /**
   * Makes sure that the owner has the leases until the transaction has ended: nobody takes them before, and renewing them goes
   * on meanwhile. Do it as late as the work allows, as others wait for the leases if this process stands still.
   *
   * @throws {LeaseLostError} one of them is lost: roll back
   */
  hold(...leases: readonly Lease[]): Promise<void>;
}

/** The lease belongs to another owner now, or to nobody: what was done for it must be rolled back, and the work let go. */
export class LeaseLostError extends TidemarkError {
  readonly code = 'lease-lost';

  constructor(readonly lease: Lease) {
    super(
      `The lease "${lease.name}" is no longer held by "${lease.owner}" in epoch ${lease.epoch}: it was released, or it expired ` +
        'and another owner took it. What was done for it must be let go; the new owner goes on with it.',
    );
  }
}
