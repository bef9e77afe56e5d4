import {
  checkActualVersion,
  checkAppends,
  ConcurrencyError,
  encodeEvents,
  InvalidArgumentError,
  newId,
  type AppendResult,
  type Codec,
  type EncodedEvent,
  type ExpectedVersion,
  type RecordedEvent,
  type StreamAppend,
} from '@tidemark/core';
import type { ClientAppendOptions, ClientEvent } from './client.js';
import type { Connection } from './connection.js';
import { clientErrorType, EventStoreDbError, isOutage } from './errors.js';
import { EventRecords, type StoredEvent } from './event-records.js';
import type { KnownIds, Place } from './known-ids.js';
import type { LogReads } from './log-reads.js';
import type { StreamReads } from './stream-reads.js';
import { actualVersion, type StreamView, type StreamViews } from './stream-view.js';

/** So often an append is decided on anew because others were faster: each time one of them has got through. */
const mostRefusals = 1_000;

type Revision = ClientAppendOptions['expectedRevision'];

/** What to do about an append. */
type Decision =
  | { readonly kind: 'send'; readonly revision: Revision }
  /** These very events are there; the last of them stands at this place. */
  | { readonly kind: 'repeated'; readonly last: Place };

/** How long it is trusted that a stream which was read is not soft-deleted, in milliseconds: from loading to appending. */
const trustedMs = 1_000;

/**
 * Appends. The server's own words are near to ours, but not the same: it takes a version of a soft-deleted stream for good, knows
 * ids of late only, and never says whether an append was new. So where it matters the stream is looked at first, and the append
 * then expects exactly what was seen: if that has changed meanwhile the server refuses it, and it is decided on anew.
 */
export class Appends {
  readonly #connection: Connection;
  readonly #records: EventRecords;
  readonly #reads: StreamReads;
  readonly #log: LogReads;
  readonly #views: StreamViews;
  readonly #known: KnownIds;
  readonly #codec: Codec;
  readonly #maxBytes: number;
  /** The last of those who look before they append, by stream: they would only outrun each other. */
  readonly #turns = new Map<string, Promise<unknown>>();

  constructor(
    connection: Connection,
    records: EventRecords,
    reads: StreamReads,
    log: LogReads,
    views: StreamViews,
    known: KnownIds,
    codec: Codec,
    maxBytes: number,
  ) {
    this.#connection = connection;
    this.#records = records;
    this.#reads = reads;
    this.#log = log;
    this.#views = views;
    this.#known = known;
    this.#codec = codec;
    this.#maxBytes = maxBytes;
  }

  async append(append: StreamAppend): Promise<AppendResult> {
    void this.#connection.client;
    checkAppends([append]);
    const { stream, expectedVersion = 'any' } = append;
    const events = encodeEvents(append.events, this.#codec);
    this.#checkSize(events);
    const token = newId();
    const work = new AppendWork(
      stream,
      events,
      this.#records.toClient(events, token),
      expectedVersion,
      token,
    );
    const runs = (): Promise<AppendResult> => this.#run(work);
    return expectedVersion === 'any' && !work.isIdentified ? runs() : this.#inTurn(stream, runs);
  }

  async #run(work: AppendWork): Promise<AppendResult> {
    const tries = this.#connection.tries();
    for (;;) {
      const decision = await this.#decide(work);
      if (decision.kind === 'repeated') return this.#repeated(work, decision.last);
      try {
        const { success, nextExpectedRevision, position } = await this.#connection.once((client) =>
          client.appendToStream(work.stream, [...work.sent], {
            ...this.#connection.appendOptions,
            expectedRevision: decision.revision,
            streamState: decision.revision,
          }),
        );
        if (success) {
          const version = Number(nextExpectedRevision);
          if (work.isIdentified || position === undefined) return await this.#readBack(work, version);
          return { stream: work.stream, version, position: position.commit, alreadyAppended: false };
        }
        work.looks = true;
      } catch (error) {
        await this.#afterError(work, error, tries);
      }
    }
  }

  /** Makes ready for another try, or throws. */
  async #afterError(work: AppendWork, error: unknown, tries: ReturnType<Connection['tries']>): Promise<void> {
    const type = clientErrorType(error);
    if (type === 'maximum-append-size-exceeded') throw this.#tooLarge(work.bytes);
    const what = `an append to stream "${work.stream}"`;
    // A stream that another program has soft-deleted is called deleted as well: looking at it tells which it is.
    if (type === 'wrong-expected-version' || (type === 'stream-deleted' && !work.looks)) {
      work.looks = true;
      work.refusals += 1;
      if (work.refusals < mostRefusals) return;
      throw new ConcurrencyError(work.stream, work.expected, actualVersion(error));
    }
    if (type === 'stream-deleted') {
      const { visible } = await this.#views.look(work.stream);
      throw new ConcurrencyError(work.stream, work.expected, visible);
    }
    if (!isOutage(error)) throw this.#connection.error(error, what);
    // It may have been written, and its answer lost.
    work.mayBeThere = true;
    work.looks = true;
    if (tries.over) throw this.#connection.error(error, what);
    await tries.wait(this.#connection.closing);
  }

  async #decide(work: AppendWork): Promise<Decision> {
    const { stream, expected, looks } = work;
    const unseen = looks ? undefined : this.#unseenRevision(work);
    if (unseen !== undefined) return { kind: 'send', revision: unseen };
    const view = await this.#views.look(stream);
    const ids = work.searchedIds;
    const places = ids.length === 0 ? new Map<string, Place>() : await this.#views.find(stream, ids, view);
    if (places.size > 0) return this.#decideKnown(work, view, places);
    checkActualVersion(stream, expected, view.visible);
    return { kind: 'send', revision: view.last === undefined ? 'no_stream' : BigInt(view.last) };
  }

  /**
   * What the server is asked to expect where the stream need not be looked at: to be new, anything where no ids were given, or
   * to be as it was read a moment ago, without these ids.
   */
  #unseenRevision({ stream, expected, searchedIds }: AppendWork): Revision | undefined {
    if (expected === 'no-stream' || expected === -1) return 'no_stream';
    if (expected === 'any' && searchedIds.length === 0) return 'any';
    const known = this.#known.get(stream);
    if (known === undefined || known.from > 0 || Date.now() - known.seenAt > trustedMs) return undefined;
    if (searchedIds.some((id) => known.byId.has(id))) return undefined;
    const last = known.next - 1;
    return typeof expected !== 'number' || expected === last ? BigInt(last) : undefined;
  }

  /** Some of the events are there: all of them, side by side and at their place, or it is a conflict. */
  async #decideKnown(
    { stream, events, expected }: AppendWork,
    { visible }: StreamView,
    places: ReadonlyMap<string, Place>,
  ): Promise<Decision> {
    const inOrder = events.map(({ id }) => places.get(id));
    const first = inOrder[0];
    const last = inOrder.at(-1);
    if (
      first === undefined ||
      last === undefined ||
      !inOrder.every((place, index) => place?.version === first.version + index) ||
      !(await this.#isStart(stream, first.version, expected))
    ) {
      const known = events.find(({ id }) => places.has(id));
      throw new ConcurrencyError(stream, expected, visible, known?.id);
    }
    return { kind: 'repeated', last };
  }

  /** Whether an append with this expectation can have begun at this version. */
  async #isStart(stream: string, version: number, expected: ExpectedVersion): Promise<boolean> {
    switch (expected) {
      case 'any':
      case 'stream-exists':
        return true;
      case 'no-stream':
      case -1:
        return version === 0 || version === (await this.#views.firstVersion(stream));
      default:
        return version === expected + 1;
    }
  }

  async #repeated(work: AppendWork, { version, position }: Place): Promise<AppendResult> {
    if (!work.mayBeThere) return { stream: work.stream, version, position, alreadyAppended: true };
    // Written by a try of this very append whose answer was lost, or by another append of the same.
    return this.#readBack(work, version);
  }

  /** What the server has of the append: it answers the same to the first one and to all that repeat it. */
  async #readBack(work: AppendWork, version: number): Promise<AppendResult> {
    const { stream, events } = work;
    const from = version - events.length + 1;
    const page = await this.#reads.page(stream, {
      direction: 'forwards',
      from,
      limit: events.length,
      resolveLinks: false,
    });
    const stored = (page ?? []).filter(({ recorded }) => recorded.version <= version);
    const last = stored.at(-1)?.recorded;
    if (stored.length !== events.length || last === undefined || last.version !== version) {
      return this.#fromLog(work, version);
    }
    const recorded = stored.map((each) => each.recorded);
    this.#known.learn(stream, recorded, from);
    return {
      stream,
      version,
      position: last.position,
      alreadyAppended: tokenOf(stored) !== work.token,
      recorded: () => recorded.map(copyOf),
    };
  }

  /** Settings of the stream hide it from its readers already: an append that was answered stands in the log near its head. */
  async #fromLog({ stream, events, token }: AppendWork, version: number): Promise<AppendResult> {
    const stored = await this.#log.backTo(stream, version - events.length + 1);
    const last = stored.find(({ recorded }) => recorded.version === version);
    if (last === undefined) {
      throw new EventStoreDbError(
        `The append to stream "${stream}" was answered, but its events cannot be read: they were removed meanwhile.`,
      );
    }
    const { position } = last.recorded;
    return { stream, version, position, alreadyAppended: tokenOf(stored) !== token };
  }

  #checkSize(events: readonly EncodedEvent[]): void {
    let bytes = 0;
    for (const [index, event] of events.entries()) {
      const size = EventRecords.bytesOf(event);
      if (size > this.#maxBytes) {
        throw new InvalidArgumentError(
          `events[${index}]`,
          `has ${size} bytes of data and metadata, but an append to EventStoreDB can have ${this.#maxBytes}. ` +
            'Make it smaller (keep large content elsewhere and its address in the event), or raise MaxAppendSize of the server and "maxAppendBytes".',
        );
      }
      bytes += size;
    }
    if (bytes > this.#maxBytes) throw this.#tooLarge(bytes);
  }

  #tooLarge(bytes: number): InvalidArgumentError {
    return new InvalidArgumentError(
      'events',
      `have ${bytes} bytes of data and metadata together, more than EventStoreDB takes in one append (${this.#maxBytes} as set here). ` +
        'Append fewer at a time, or raise MaxAppendSize of the server and "maxAppendBytes".',
    );
  }

  async #inTurn<Result>(stream: string, work: () => Promise<Result>): Promise<Result> {
    const before = this.#turns.get(stream);
    const turn = before === undefined ? work() : before.then(work, work);
    const settled = turn.catch(() => undefined);
    this.#turns.set(stream, settled);
    try {
      return await turn;
    } finally {
      if (this.#turns.get(stream) === settled) this.#turns.delete(stream);
    }
  }
}

/** One append on its way. */
class AppendWork {
  /** True if the stream must be looked at before it is sent, whatever is known of it. */
  looks = false;
  /** How often the server has refused what was decided on. */
  refusals = 0;
  /** True if a try has failed that may have been written all the same. */
  mayBeThere = false;
  readonly #idsGiven: boolean;

  constructor(
    readonly stream: string,
    readonly events: readonly EncodedEvent[],
    readonly sent: readonly ClientEvent[],
    readonly expected: ExpectedVersion,
    readonly token: string,
  ) {
    this.#idsGiven = events.some(({ idGiven }) => idGiven);
  }

  /** True if its ids may be in the stream, so that an answer may be that of another append of the same. */
  get isIdentified(): boolean {
    return this.#idsGiven || this.mayBeThere;
  }

  /** The ids that may be in the stream. */
  get searchedIds(): readonly string[] {
    return this.isIdentified ? this.events.map(({ id }) => id) : [];
  }

  get bytes(): number {
    return this.events.reduce((sum, event) => sum + EventRecords.bytesOf(event), 0);
  }
}

const tokenOf = (stored: readonly StoredEvent[]): string | undefined => stored[0]?.token;

/** An event that shares nothing with the one that it was made from. */
const copyOf = (event: RecordedEvent): RecordedEvent => ({
  ...event,
  data: JSON.parse(JSON.stringify(event.data)),
  metadata: JSON.parse(JSON.stringify(event.metadata)),
  recordedAt: new Date(event.recordedAt),
});
