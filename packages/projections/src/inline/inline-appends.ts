import type {
  AppendParticipant,
  AppendStep,
  Composition,
  NewEvent,
  RecordedEvent,
  Schema,
  StreamAppend,
} from '@tidemark/core';
import type { Generations } from '../generations/generations.js';
import { readSwitchRows } from '../generations/switch-row.js';
import { expectedEvents } from './expected-events.js';
import { InlineWrite } from './inline-write.js';

/**
 * The inline projections of an application, as they take part in its appends.
 *
 * In one transaction: locks, look at the switch rows, append, write. The locks come before the append draws its positions, and
 * cover all that will be written; so two appends that touch one document bring their events into it in the order of the log, and
 * none is lost. All locks are taken at once in one order, and behind them an append waits for nobody but those who write to its
 * stream, who have all of their locks. So appends cannot wait for each other in a circle.
 */
export class InlineAppends implements AppendParticipant {
  readonly name: string;
  readonly #schema: Schema;
  readonly #projections: Generations[] = [];
  #byType: ReadonlyMap<string, readonly Generations[]> | undefined;

  /** @param first the projection that it is made for, for messages */
  constructor(first: string, { schema }: Composition) {
    this.name = `inline projection "${first}"`;
    this.#schema = schema;
  }

  add(generations: Generations): void {
    this.#projections.push(generations);
    this.#byType = undefined;
  }

  concerns(events: readonly NewEvent[]): boolean {
    const byType = this.#types();
    return events.some(({ type }) => byType.has(type));
  }

  join(append: StreamAppend): AppendStep {
    const byType = this.#types();
    const concerned = [...new Set(append.events.flatMap(({ type }) => byType.get(type) ?? []))];
    const expected = expectedEvents(append, this.#schema);
    const writes = concerned.map((generations) => new InlineWrite(generations, expected));
    const names = concerned.map(({ definition }) => definition.name);
    return async (tx, appended) => {
      await tx.lock(writes.flatMap((write) => write.locks()));
      const rows = await readSwitchRows(tx.documents, names);
      for (const write of writes) write.begin(rows);
      const recorded: readonly RecordedEvent[] = await appended();
      if (recorded.length === 0) return;
      const events = this.#schema.read(recorded);
      for (const write of writes) await write.finish(tx, events);
    };
  }

  /** The projections by stored type; made when the schema is complete. */
  #types(): ReadonlyMap<string, readonly Generations[]> {
    if (this.#byType !== undefined) return this.#byType;
    const byType = new Map<string, Generations[]>();
    for (const generations of this.#projections) {
      for (const type of this.#schema.sourceTypes(generations.definition.types)) {
        byType.set(type, [...(byType.get(type) ?? []), generations]);
      }
    }
    this.#byType = byType;
    return byType;
  }
}
