import type { Clock } from '../../clock.js';
import { checkAcquire, checkDuration } from '../check-ports.js';
import {
  LeaseLostError,
  type AcquireOptions,
  type Lease,
  type LeaseFence,
  type LeaseStatus,
  type LeaseStore,
} from '../leases.js';
import type { Table } from './table.js';
import type { Writer } from './writer.js';

export interface StoredLease {
  readonly name: string;
  readonly owner: string | undefined;
  readonly epoch: number;
  /** Milliseconds since the epoch. */
  readonly expiresAt: number;
}

/** Whether the lease is its owner's still: no other has it, and it was not released. */
export const isHeld = (present: StoredLease | undefined, { owner, epoch }: Lease): boolean =>
  present?.owner === owner && present.epoch === epoch;

/** Leases in a table: the backend's, or those that a transaction sees. Time is the backend's clock. */
export class MemoryLeaseStore implements LeaseStore, LeaseFence {
  readonly #table: Table<StoredLease>;
  readonly #writer: Writer;
  readonly #clock: Clock;

  constructor(table: Table<StoredLease>, writer: Writer, clock: Clock) {
    this.#table = table;
    this.#writer = writer;
    this.#clock = clock;
  }

  async acquire(options: AcquireOptions): Promise<readonly Lease[]> {
    checkAcquire(options);
    const { names, owner, ttlMs } = options;
    return this.#writer.write(() => {
      const now = this.#clock.now().getTime();
      const leases: Lease[] = [];
      for (const name of [...new Set(names)].toSorted()) {
        const present = this.#table.get(name);
        const isOwn = present?.owner === owner;
        if (present?.owner !== undefined && !isOwn && present.expiresAt > now) continue;
        const epoch = (present?.epoch ?? 0) + (isOwn ? 0 : 1);
        this.#table.set(name, { name, owner, epoch, expiresAt: now + ttlMs });
        leases.push({ name, owner, epoch });
      }
      return leases;
    });
  }

  async renew(leases: readonly Lease[], ttlMs: number): Promise<readonly Lease[]> {
    checkDuration(ttlMs, 'ttlMs');
    return this.#writer.write(() => {
      const expiresAt = this.#clock.now().getTime() + ttlMs;
      const held = leases.filter((lease) => isHeld(this.#table.get(lease.name), lease));
      for (const { name, owner, epoch } of held) this.#table.set(name, { name, owner, epoch, expiresAt });
      return held.map(({ name, owner, epoch }) => ({ name, owner, epoch })).toSorted(byName);
    });
  }

  async release(leases: readonly Lease[]): Promise<void> {
    await this.#writer.write(() => {
      const expiresAt = this.#clock.now().getTime();
      for (const lease of leases) {
        if (!isHeld(this.#table.get(lease.name), lease)) continue;
        const { name, epoch } = lease;
        this.#table.set(name, { name, owner: undefined, epoch, expiresAt });
      }
    });
  }

  async list(prefix = ''): Promise<readonly LeaseStatus[]> {
    this.#writer.checkUsable();
    const now = this.#clock.now().getTime();
    return [...this.#table.rows()]
      .filter(({ name }) => name.startsWith(prefix))
      .map(({ name, owner, epoch, expiresAt }) => ({
        name,
        owner,
        epoch,
        remainingMs: owner === undefined ? 0 : Math.max(expiresAt - now, 0),
      }))
      .toSorted(byName);
  }

  async hold(...leases: readonly Lease[]): Promise<void> {
    // No one else writes before the transaction has ended.
    await this.#writer.write(() => {
      const lost = leases.find((lease) => !isHeld(this.#table.get(lease.name), lease));
      if (lost !== undefined) throw new LeaseLostError(lost);
    });
  }
}

const byName = (a: { readonly name: string }, b: { readonly name: string }): number =>
  a.name < b.name ? -1 : Number(a.name > b.name);
