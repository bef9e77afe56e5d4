import type { Snapshot } from '../backend/snapshots.js';
import type { RecordedEvent } from '../messages/event.js';
import type { AggregateDefinition } from '../model/aggregate-definition.js';
import { streamOf } from '../model/aggregate-definition.js';
import type { Schema } from '../schema/schema.js';
import { RecentIds } from './recent-ids.js';
import { restoreState } from './snapshot-policy.js';

/** How many ids of an aggregate's newest events are kept to recognise repeated commands. */
const idsKept = 256;

/** The state of one aggregate with its place in the stream: the fold of the events up to there. */
export class LiveAggregate<State = unknown> {
  readonly definition: AggregateDefinition<State>;
  readonly id: string;
  readonly stream: string;
  readonly ids = new RecentIds(idsKept);
  readonly #schema: Schema;
  #state: State;
  #version = -1;
  #lastEventId: string | undefined;
  #snapshotVersion = -1;

  /** A new aggregate, before its first event. */
  constructor(definition: AggregateDefinition<State>, id: string, schema: Schema) {
    this.definition = definition;
    this.id = id;
    this.stream = streamOf(definition.name, id);
    this.#schema = schema;
    this.#state = definition.initialState(id);
  }

  get state(): State {
    return this.#state;
  }

  /** Version of the last event folded in, -1 for none. */
  get version(): number {
    return this.#version;
  }

  /** Id of the last event folded in; `undefined` for none. */
  get lastEventId(): string | undefined {
    return this.#lastEventId;
  }

  /** Version that the newest known snapshot covers, -1 for none. */
  get snapshotVersion(): number {
    return this.#snapshotVersion;
  }

  /** Starts from a snapshot instead of the first event. `last` is the last event that the snapshot covers. */
  restore(snapshot: Snapshot, last: RecordedEvent): void {
    this.#state = restoreState(this.definition, snapshot.state, this.id);
    this.#version = snapshot.version;
    this.#lastEventId = last.id;
    this.#snapshotVersion = snapshot.version;
    this.ids.missEarlier();
    this.ids.add(last.id);
  }

  /** Folds the next events of the stream, as stored. After an error the state is undefined: forget the aggregate. */
  apply(events: readonly RecordedEvent[]): void {
    const last = events.at(-1);
    if (last === undefined) return;
    if (this.#version === -1 && events[0] !== undefined && events[0].version > 0) this.ids.missEarlier();
    for (const { id } of events) this.ids.add(id);
    for (const event of this.#schema.read(events)) this.#state = this.definition.evolve(this.#state, event);
    this.#version = last.version;
    this.#lastEventId = last.id;
  }

  /** Notes that a snapshot of the present state is kept. */
  snapshotSaved(): void {
    this.#snapshotVersion = this.#version;
  }
}
