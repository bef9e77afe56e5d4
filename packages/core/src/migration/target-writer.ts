import type { Backend } from '../backend/backend.js';
import type { CheckpointMove } from '../backend/checkpoints.js';
import type { Transaction } from '../backend/transaction.js';
import { ConcurrencyError } from '../log/errors.js';
import type { ExpectedVersion } from '../log/event-store.js';
import { groupsOf, runsOf, type Run } from './append-runs.js';
import { MigrationError } from './errors.js';
import { originOf } from './origin.js';
import type { PlacedEvent } from './transform.js';

/** Most streams whose versions are kept at hand. */
const mostVersions = 100_000;

export type MigrationTarget = Pick<Backend, 'events' | 'checkpoints' | 'transaction'>;

/** Runs that were appended together were put into the log in another order than they were given in. */
class OutOfOrder extends Error {}

/**
 * Writes to the target: each event once, in the order of the source, however often the migration is cut off.
 *
 * Where appends can join a transaction, a batch and the checkpoint behind it are written in one. Elsewhere the runs of a
 * batch are appended one after the other, and then the checkpoint is moved: cut off in between, the target holds the first
 * so many events behind the checkpoint and none after those. Where they end is found by their ids, by halving, since an id
 * that is there means that all before it are.
 *
 * Every append expects the very version that the migration left the stream at, so one that somebody else writes to is noticed.
 */
export class TargetWriter {
  readonly #name: string;
  readonly #to: MigrationTarget;
  readonly #versions = new Map<string, number>();
  /** True as long as a stream whose version is not at hand cannot have been written to by this migration. */
  #unseenAreNew: boolean;
  /** True as long as events behind the checkpoint may be there already. */
  #recovering: boolean;

  /** @param fresh true if nothing of the migration can be in the target yet */
  constructor(name: string, to: MigrationTarget, fresh: boolean) {
    this.#name = name;
    this.#to = to;
    this.#unseenAreNew = fresh;
    this.#recovering = !fresh && !to.events.capabilities.transactionalAppend;
  }

  /**
   * Writes the events that follow the checkpoint, and moves it behind them.
   *
   * @returns how many were written now
   * @throws {MigrationError} somebody else writes to one of the streams, or one event would be in a stream twice
   * @throws {CheckpointConflictError} the same migration runs a second time
   */
  async write(events: readonly PlacedEvent[], move: CheckpointMove): Promise<number> {
    const rest = this.#recovering ? events.slice(await this.#present(events)) : events;
    try {
      if (this.#to.events.capabilities.transactionalAppend) await this.#together(rest, move);
      else await this.#inTurn(rest, move);
    } catch (error) {
      throw error instanceof ConcurrencyError ? this.#explain(error) : error;
    }
    return rest.length;
  }

  async #together(events: readonly PlacedEvent[], move: CheckpointMove): Promise<void> {
    const runs = runsOf(events, this.#to.events.capabilities.maxAppendBytes);
    const expected = new Map<string, ExpectedVersion>();
    for (const { stream } of runs) {
      if (!expected.has(stream)) expected.set(stream, await this.#expected(stream));
    }
    const attempt = (groups: readonly (readonly Run[])[]): Promise<ReadonlyMap<string, ExpectedVersion>> =>
      this.#to.transaction(async (tx) => {
        const reached = await appendGroups(tx, groups, expected);
        await tx.checkpoints.move(move);
        return reached;
      });
    let reached: ReadonlyMap<string, ExpectedVersion>;
    try {
      reached = await attempt(groupsOf(runs));
    } catch (error) {
      if (!(error instanceof OutOfOrder)) throw error;
      reached = await attempt(runs.map((run) => [run]));
    }
    for (const [stream, version] of reached) if (typeof version === 'number') this.#keep(stream, version);
  }

  async #inTurn(events: readonly PlacedEvent[], move: CheckpointMove): Promise<void> {
    for (const { stream, events: run } of runsOf(events, this.#to.events.capabilities.maxAppendBytes)) {
      const expectedVersion = await this.#expected(stream);
      const { version } = await this.#to.events.append(stream, run, { expectedVersion });
      this.#keep(stream, version);
    }
    await this.#to.checkpoints.move(move);
  }

  async #expected(stream: string): Promise<number | 'no-stream'> {
    const known = this.#versions.get(stream);
    if (known !== undefined) return known;
    if (this.#unseenAreNew) return 'no-stream';
    for await (const [last] of this.#to.events.readStream(stream, { direction: 'backwards', limit: 1 })) {
      if (last === undefined) continue;
      if (originOf(last)?.migration === this.#name) return last.version;
      throw this.#foreign(stream, last.version);
    }
    return 'no-stream';
  }

  /** How many of the first events are in the target. */
  async #present(events: readonly PlacedEvent[]): Promise<number> {
    let present = 0;
    let end = events.length;
    // The last one first: mostly a whole batch is there, or nothing of it.
    for (let probe = end; present < end; probe = Math.ceil((present + end) / 2)) {
      if (await this.#isPresent(events[probe - 1])) present = probe;
      else end = probe - 1;
    }
    if (present < events.length) this.#recovering = false;
    return present;
  }

  async #isPresent(event: PlacedEvent | undefined): Promise<boolean> {
    return event !== undefined && (await this.#to.events.findEvent(event.stream, event.id)) !== undefined;
  }

  #keep(stream: string, version: number): void {
    this.#versions.delete(stream);
    this.#versions.set(stream, version);
    if (this.#versions.size <= mostVersions) return;
    for (const oldest of this.#versions.keys()) {
      this.#versions.delete(oldest);
      break;
    }
    this.#unseenAreNew = false;
  }

  #explain(error: ConcurrencyError): MigrationError {
    if (error.duplicateId === undefined) return this.#foreign(error.stream, error.actual, error);
    return new MigrationError(
      this.#name,
      `event ${error.duplicateId} would be in stream "${error.stream}" twice, which a stream cannot hold: two events of ` +
        'the source with one id were led into it. Give one of them another id in the mapping, or keep the streams apart.',
      { cause: error },
    );
  }

  #foreign(stream: string, version: number | undefined, cause?: Error): MigrationError {
    return new MigrationError(
      this.#name,
      `stream "${stream}" of the target ${version === undefined ? 'is not where the migration left it' : `is at version ${version}, which is not of this migration`}: ` +
        'somebody else writes to it, or it was there before. Migrate into streams that nobody else uses, or rename them.',
      { cause },
    );
  }
}

/**
 * Appends groups of runs one after the other.
 *
 * @param expected where each stream stands
 * @returns where each stands then
 * @throws {OutOfOrder} the store put a group into the log in another order; the positions of the answers tell
 */
const appendGroups = async (
  tx: Transaction,
  groups: readonly (readonly Run[])[],
  expected: ReadonlyMap<string, ExpectedVersion>,
): Promise<ReadonlyMap<string, ExpectedVersion>> => {
  const reached = new Map(expected);
  for (const group of groups) {
    const results = await tx.append(
      group.map(({ stream, events }) => ({ stream, events, expectedVersion: reached.get(stream) })),
    );
    for (const [index, { stream, version, position }] of results.entries()) {
      if (position < (results[index - 1]?.position ?? position)) throw new OutOfOrder();
      reached.set(stream, version);
    }
  }
  return reached;
};
