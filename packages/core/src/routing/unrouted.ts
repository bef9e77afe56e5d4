import type { Clock } from '../clock.js';
import type { EventStore, SubscriptionBatch } from '../log/event-store.js';
import type { RecordedEvent } from '../messages/event.js';
import type { Problems } from '../observation/problems.js';
import { LogFollower } from '../processing/log-follower.js';
import type { Schema } from '../schema/schema.js';
import type { RoutingTable } from './routing-table.js';

/** How many events no route took, as seen by this process. */
export interface UnroutedEvents {
  /** Since when they are counted: since the application started. */
  readonly since: Date;
  readonly total: number;
  /** By type, those with the most first. */
  readonly types: readonly { readonly type: string; readonly count: number }[];
  /** Events of further types, of which there are too many to count each. */
  readonly others: number;
}

/** Most types that are counted each. */
const mostTypes = 1_000;

const following = 'counting unrouted events';

export interface UnroutedCounterOptions {
  readonly store: EventStore;
  readonly schema: Schema;
  readonly clock: Clock;
  readonly problems: Problems;
  readonly table: RoutingTable;
}

/** Goes along the log from now on and counts each event that no route takes, once, however many processors there are. */
export class UnroutedCounter {
  readonly #options: UnroutedCounterOptions;
  readonly #counts = new Map<string, number>();
  #since: Date;
  #total = 0;
  #others = 0;
  #position: bigint | undefined;
  #follower: LogFollower | undefined;
  #running: Promise<void> | undefined;
  #retire: () => void = () => {};

  constructor(options: UnroutedCounterOptions) {
    this.#options = options;
    this.#since = options.clock.now();
  }

  /** What was counted. */
  counts(): UnroutedEvents {
    const types = [...this.#counts].map(([type, count]) => ({ type, count }));
    types.sort((one, other) => other.count - one.count || (one.type < other.type ? -1 : 1));
    return { since: this.#since, total: this.#total, types, others: this.#others };
  }

  /** Begins to count with what comes now. */
  async start(): Promise<void> {
    const { store, clock, table, problems } = this.#options;
    this.#position = await store.head();
    if (this.#total === 0) this.#since = clock.now();
    const position = (): bigint | undefined => this.#position;
    this.#retire = table.admit({
      get reached() {
        return position();
      },
      finished: position,
    });
    this.#follower = new LogFollower({
      store,
      clock,
      subscribe: () => ({}),
      after: this.#position,
      take: (batch) => this.#take(batch),
      trouble: (error, reason) => {
        if (reason === '') problems.resolve(following);
        else problems.report(following, error ?? new Error(reason));
      },
    });
    this.#running = this.#follower.run();
  }

  async stop(): Promise<void> {
    this.#retire();
    await this.#follower?.close();
    await this.#running;
  }

  #take({ events, position }: SubscriptionBatch): void {
    for (const event of events) {
      for (const newest of this.#read(event)) {
        if (this.#options.table.isUnrouted(newest)) this.#count(newest.type);
      }
    }
    this.#position = position;
  }

  /** One that cannot be read is nobody's: the processors that want it fail, and say why. */
  #read(event: RecordedEvent): readonly RecordedEvent[] {
    try {
      return this.#options.schema.readOne(event);
    } catch {
      return [];
    }
  }

  #count(type: string): void {
    this.#total += 1;
    const count = this.#counts.get(type);
    if (count === undefined && this.#counts.size >= mostTypes) this.#others += 1;
    else this.#counts.set(type, (count ?? 0) + 1);
  }
}
