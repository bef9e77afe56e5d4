import type { Backend } from '../backend/backend.js';
import type { Clock } from '../clock.js';
import { UnsupportedError } from '../log/errors.js';
import type { ProcessorDefinition } from '../model/processor-definition.js';
import type { Problems } from '../observation/problems.js';
import type { Run, RunParts } from '../processing/run.js';
import { DividedRun } from './divided-run.js';
import { LeaseKeeper } from './lease-keeper.js';
import { Locks } from './locks.js';
import type { Presence } from './cluster-view.js';
import { SegmentCoordinator } from './segment-coordinator.js';

export interface ClusterOptions {
  readonly backend: Backend;
  readonly clock: Clock;
  readonly problems: Problems;
  readonly presence: Presence;
  /** How long a lease lasts unless it is renewed, in milliseconds. */
  readonly leaseMs: number;
}

/** Into how many segments a processor is divided that takes one event at a time and does not say. */
const defaultSegments = 16;

/** How often within the time of a lease a node looks at who has what, and the most milliseconds between two looks. */
const looks = 10;
const mostBetweenLooksMs = 1_000;

const renewing = 'renewing the leases of this node';

/** What this node has to do with the others: locks, and a share of the work. */
export class Cluster {
  readonly locks: Locks;
  readonly #coordinator: SegmentCoordinator | undefined;

  constructor({ backend, clock, problems, presence, leaseMs }: ClusterOptions) {
    const keeper = new LeaseKeeper({
      store: backend.leases,
      clock,
      ttlMs: leaseMs,
      trouble: (error) =>
        error === undefined ? problems.resolve(renewing) : problems.report(renewing, error),
    });
    const lookEveryMs = Math.min(leaseMs / looks, mostBetweenLooksMs);
    this.locks = new Locks({ keeper, clock, problems, node: () => presence.node?.name ?? '', lookEveryMs });
    // Where nobody else can come, there is nothing to share.
    if (!backend.events.capabilities.shared) return;
    this.#coordinator = new SegmentCoordinator({ backend, clock, keeper, presence, problems, lookEveryMs });
  }

  /**
   * Has the processor divided into so many segments.
   *
   * @param processor name that its checkpoints are kept under
   * @throws {InvalidArgumentError} the number is no power of two from 1 to 65,536
   * @throws {UnsupportedError} only this process can use the backend
   */
  divide(processor: string, segments: number): Promise<void> {
    if (this.#coordinator !== undefined) return this.#coordinator.divide(processor, segments);
    throw new UnsupportedError(
      'Only this process can use the backend, so there is nobody to share the work with, and nothing is divided: ' +
        'use postgres(), or any other backend that several processes share.',
    );
  }

  /** A run of this node's share; `undefined` where the processor is not shared out. */
  createRun(parts: RunParts): Run | undefined {
    if (this.#coordinator === undefined || parts.definition.source !== undefined) return undefined;
    return new DividedRun(parts, segmentsOf(parts.definition), this.#coordinator);
  }
}

/** Those who handle in transactions do so in the order of the log, unless they are told otherwise. */
const segmentsOf = ({ segments, delivery }: ProcessorDefinition): number =>
  segments ?? (delivery.mode === 'each' ? defaultSegments : 1);
