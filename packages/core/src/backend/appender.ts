import { sleep, systemClock } from '../clock.js';
import { ConfigurationError } from '../error.js';
import type { AppendOptions, AppendResult, StreamAppend } from '../log/event-store.js';
import { newId } from '../messages/ids.js';
import type { NewEvent, RecordedEvent } from '../messages/event.js';
import type { Backend } from './backend.js';
import { TransactionConflictError, type Transaction } from './transaction.js';

/**
 * What a participant does in the transaction of one append, before and behind it. Called anew for each try.
 *
 * @param append does the append; to be called once. It gives back the events as they are recorded, for this participant alone;
 * none if these very events were there already
 */
export type AppendStep = (tx: Transaction, append: () => Promise<readonly RecordedEvent[]>) => Promise<void>;

/** Something that takes part in the application's appends: it writes in the same transaction, or fails them. */
export interface AppendParticipant {
  /** What it is, for messages: `inline projection "board"`. */
  readonly name: string;
  /** Whether it has anything to do with events of these types; asked before every append. */
  concerns(events: readonly NewEvent[]): boolean;
  /** What it does about an append of which it is concerned; the step is run until the transaction is not in another's way. */
  join(append: StreamAppend): AppendStep;
}

/** Where whoever appends on behalf of the application does it. */
export type Appends = Pick<Appender, 'append'>;

/** Most tries at one append whose transaction others stood in the way of. */
const mostTries = 10;

/**
 * The one way by which an application appends: commands of aggregates, sagas, timers. Where a participant is concerned, the
 * append and what the participant does are one transaction; all other appends go straight to the store, which sends many of
 * them together.
 *
 * Inject it to append events of your own past aggregates: what is appended through the backend's own `events` is seen by no
 * participant.
 */
export class Appender {
  readonly #backend: Backend;
  readonly #participants: AppendParticipant[] = [];

  constructor(backend: Backend) {
    this.#backend = backend;
  }

  /**
   * Lets something take part in all appends from now on.
   *
   * @throws {ConfigurationError} the backend's appends cannot join a transaction
   */
  add(participant: AppendParticipant): void {
    if (!this.#backend.events.capabilities.transactionalAppend) {
      throw new ConfigurationError(
        `The ${participant.name} writes in the transaction of each append, but appends of the backend "${this.#backend.name}" ` +
          'cannot join a transaction. Take a backend whose can (memory, PGlite, PostgreSQL), or let it follow the log.',
      );
    }
    this.#participants.push(participant);
  }

  /**
   * Appends events to one stream, together with what the participants do.
   *
   * @throws as `append` of the event store, and whatever a participant throws; then nothing was appended
   */
  async append(
    stream: string,
    events: readonly NewEvent[],
    options: AppendOptions = {},
  ): Promise<AppendResult> {
    const concerned = this.#participants.filter((participant) => participant.concerns(events));
    if (concerned.length === 0) return this.#backend.events.append(stream, events, options);
    // Ids from here, so that participants can know them beforehand, and a repetition after a lost answer is recognised.
    const withIds = events.map((event) => (event.id === undefined ? { ...event, id: newId() } : event));
    const append: StreamAppend = { ...options, stream, events: withIds };
    const steps = concerned.map((participant) => participant.join(append));
    for (let tries = 1; ; tries += 1) {
      try {
        return await this.#inTransaction(append, steps);
      } catch (error) {
        if (!(error instanceof TransactionConflictError) || tries >= mostTries) throw error;
      }
      // By the machine's time: who collided parts ways in real time, also where a test's clock stands still.
      await sleep(systemClock, Math.random() * Math.min(100, 2 ** tries));
    }
  }

  /**
   * Appends in a transaction of the caller's, together with what the participants do. Events want ids of their own.
   *
   * @param appends what is appended to each stream; a stream may occur only once
   * @throws as {@link append}; {TransactionConflictError} too, which is the caller's to try again
   */
  async appendIn(tx: Transaction, appends: readonly StreamAppend[]): Promise<void> {
    const alone: StreamAppend[] = [];
    for (const append of appends) {
      const concerned = this.#participants.filter((participant) => participant.concerns(append.events));
      if (concerned.length === 0) alone.push(append);
      else
        await this.#withSteps(
          tx,
          append,
          concerned.map((it) => it.join(append)),
        );
    }
    if (alone.length > 0) await tx.append(alone);
  }

  #inTransaction(append: StreamAppend, steps: readonly AppendStep[]): Promise<AppendResult> {
    return this.#backend.transaction((tx) => this.#withSteps(tx, append, steps));
  }

  async #withSteps(
    tx: Transaction,
    append: StreamAppend,
    steps: readonly AppendStep[],
  ): Promise<AppendResult> {
    const done: { result?: AppendResult; events: readonly RecordedEvent[] } = { events: [] };
    const run = async (index: number): Promise<void> => {
      const step = steps[index];
      if (step !== undefined) {
        await step(tx, async () => {
          await run(index + 1);
          return structuredClone(done.events);
        });
        return;
      }
      const [result] = await tx.append([append]);
      if (result === undefined) throw new TypeError('The store gave no result for an append.');
      const { stream, version, alreadyAppended } = result;
      done.result = result;
      if (alreadyAppended) return;
      done.events = await tx.readVersions(stream, version - append.events.length + 1, version);
    };
    await run(0);
    const { result, events } = done;
    if (result === undefined) throw new TypeError('A participant of an append did not let it be done.');
    return result.alreadyAppended ? result : { ...result, recorded: () => structuredClone(events) };
  }
}
