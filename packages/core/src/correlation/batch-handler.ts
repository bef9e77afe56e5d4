import type { Appender } from '../backend/appender.js';
import type { Transaction } from '../backend/transaction.js';
import { ConfigurationError } from '../error.js';
import type { NewEvent, RecordedEvent } from '../messages/event.js';
import type { Correlator, Plan } from './correlator.js';
import type { CorrelationDefinition } from './definition.js';
import type { Emission } from './emission.js';
import { startingProgress, type Progress } from './progress.js';
import { load, loadDue, write } from './storage.js';
import { ringOf, tickType, timerAt } from './ticks.js';

/** What a batch is handled with. */
export interface BatchSurroundings {
  readonly appends: Appender;
  /** True if appends can join the transaction of the state. */
  readonly appendsInTransaction: boolean;
  /** A timer will ring then, by the store's clock. */
  readonly expect: (at: number) => void;
}

/** How many streams are appended to at a time where appends do not join the transaction. */
const appendsAtOnce = 16;

/**
 * Handles batches of one correlation: what is open is loaded, changed and written in the transaction of the checkpoint, and so
 * are the derived events where the store can. Where it cannot they are appended before, with ids that are the same each time.
 */
export class BatchHandler<State, Result> {
  readonly #definition: CorrelationDefinition;
  readonly #correlator: Correlator<State, Result>;
  readonly #surroundings: BatchSurroundings;
  /** How exactly the passing of time is told, in milliseconds: timers that are close together are one. */
  readonly #resolutionMs: number;

  constructor(
    definition: CorrelationDefinition,
    correlator: Correlator<State, Result>,
    surroundings: BatchSurroundings,
  ) {
    this.#definition = definition;
    this.#correlator = correlator;
    this.#surroundings = surroundings;
    this.#resolutionMs = Math.floor(Math.min(1_000, Math.max(10, correlator.operator.spanMs / 50)));
  }

  async handle(events: readonly RecordedEvent[], tx: Transaction): Promise<void> {
    const correlator = this.#correlator;
    const { name } = this.#definition;
    let plan = correlator.plan(events);
    const { progress: stored, documents } = await load(tx, name, plan.keys);
    const progress = stored ?? startingProgress(correlator.operator.shape);
    this.#checkShape(progress);
    const fresh = newEvents(events, progress);
    if (fresh.length === 0) return;
    if (fresh.length < events.length) plan = correlator.plan(fresh);
    const watermark = Math.max(progress.latest ?? plan.latest, plan.latest) - correlator.latenessMs;
    let nextDue = progress.nextDue;
    if (nextDue !== undefined && nextDue <= watermark) {
      nextDue = await loadDue(tx, name, watermark, documents);
    }
    const { changes, emissions } = correlator.apply(plan, progress, documents);
    for (const document of changes.values()) {
      const due = document?.due ?? undefined;
      if (due !== undefined && (nextDue === undefined || due < nextDue)) nextDue = due;
    }
    progress.nextDue = nextDue;
    await this.#setTimer(tx, progress, plan);
    await write(tx, name, progress, changes);
    await this.#append(tx, emissions);
  }

  /** One timer at a time: for what ends first. Another is set when its tick has come, or something ends before it. */
  async #setTimer(tx: Transaction, progress: Progress, { steps }: Plan): Promise<void> {
    const { name, options } = this.#definition;
    const type = tickType(name);
    for (const { event } of steps) {
      if (event.type !== type) continue;
      const at = ringOf(event);
      progress.rung = Math.max(progress.rung ?? at, at);
      progress.skew = Math.max(0, at - event.recordedAt.getTime());
      if (progress.timer !== undefined && at >= progress.timer) progress.timer = undefined;
    }
    if (progress.nextDue === undefined || options.whenIdle === 'wait') return;
    const due = progress.nextDue + this.#correlator.latenessMs + progress.skew;
    const rounded = Math.ceil(due / this.#resolutionMs) * this.#resolutionMs;
    const at = progress.rung === undefined ? rounded : Math.max(rounded, progress.rung + 1);
    if (progress.timer !== undefined && progress.timer <= at) return;
    progress.timer = at;
    await tx.timers.schedule([timerAt(name, at)]);
    this.#surroundings.expect(at);
  }

  async #append(tx: Transaction, emissions: readonly Emission[]): Promise<void> {
    if (emissions.length === 0) return;
    const byStream = new Map<string, Emission[]>();
    for (const emission of emissions) {
      const those = byStream.get(emission.stream);
      if (those === undefined) byStream.set(emission.stream, [emission]);
      else those.push(emission);
    }
    const { appends, appendsInTransaction } = this.#surroundings;
    if (appendsInTransaction) {
      const all = [...byStream].map(([stream, those]) => ({
        stream,
        events: those.flatMap((emission): readonly NewEvent[] => emission.events),
      }));
      await appends.appendIn(tx, all);
      return;
    }
    const streams = [...byStream.values()].values();
    let isFailing = false;
    // Each emission by itself: where batches end is chance, and only the very same append is recognised when it is repeated.
    const work = async (): Promise<void> => {
      for (const those of streams) {
        for (const { stream, events } of those) {
          if (isFailing) return;
          await appends.append(stream, events).catch((error: unknown) => {
            isFailing = true;
            throw error;
          });
        }
      }
    };
    // Not before all have ended: the batch is tried again, and must not meet with its own appends.
    const ends = await Promise.allSettled(Array.from({ length: appendsAtOnce }, work));
    for (const end of ends) if (end.status === 'rejected') throw end.reason;
  }

  #checkShape({ shape }: Progress): void {
    const { operator } = this.#correlator;
    if (shape === operator.shape) return;
    const { name, definedAt } = this.#definition;
    throw new ConfigurationError(
      `Correlation "${name}" (${definedAt}) is now "${operator.shape}", but what is stored of it is "${shape}", which cannot be ` +
        'carried on. Give the new one another name.',
    );
  }
}

/** What was taken in already is not taken in again, also when a checkpoint was set back: what followed from it is in the log. */
const newEvents = (events: readonly RecordedEvent[], { position }: Progress): readonly RecordedEvent[] => {
  if (position === undefined) return events;
  const taken = BigInt(position);
  const [first] = events;
  return first !== undefined && first.position > taken
    ? events
    : events.filter((event) => event.position > taken);
};
