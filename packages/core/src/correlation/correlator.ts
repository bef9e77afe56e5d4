import type { RecordedEvent } from '../messages/event.js';
import { milliseconds } from '../duration.js';
import type { Schema } from '../schema/schema.js';
import type { CorrelationOptions } from './definition.js';
import { Emitter, type Emission } from './emission.js';
import { CorrelationError, CorrelationLimitError } from './errors.js';
import { KeyState, type KeyDocument } from './key-state.js';
import type { Complete, EventStorage, Operator } from './operator.js';
import type { Progress } from './progress.js';
import { fromStored, originOf, placeOf, toStored, type TimedEvent } from './stored-event.js';

/** What a correlation does to the events of a key, and what follows. */
export interface Handlers<Result> {
  emit(key: string, result: Result): unknown;
  /** Of late events; `undefined` if they are only counted. */
  readonly late: ((event: RecordedEvent) => unknown) | undefined;
}

/** One event of a batch, with what the user's functions say of it. */
interface Step {
  readonly event: RecordedEvent;
  /** `undefined`: it only tells the time. */
  readonly key: string | undefined;
  /** Which it is of the events that an upcaster made of one. */
  readonly piece: number;
  /** When it happened, or was recorded. */
  readonly time: number;
  /** True if it is by the log's clock, which never goes backwards here. */
  readonly isByLog: boolean;
}

/** A batch that can be taken in once what is open in its keys is loaded. */
export interface Plan {
  readonly steps: readonly Step[];
  /** Each once. */
  readonly keys: readonly string[];
  /** The latest time in it. */
  readonly latest: number;
}

/** What came of a batch. */
export interface Outcome {
  /** Documents to write, by key; `null` deletes. */
  readonly changes: ReadonlyMap<string, KeyDocument | null>;
  readonly emissions: readonly Emission[];
}

/** Most characters of a key. */
const longestKey = 300;
const defaultKeys = 100_000;
const defaultPerKey = 1_000;

/**
 * The pure heart of a correlation: what a batch of events makes of what is open, and what follows from it. Where one batch ends
 * and the next begins makes no difference to anything that is derived.
 */
export class Correlator<State, Result> {
  readonly operator: Operator<State, Result>;
  /** How far the watermark stays behind the latest time, in milliseconds. */
  readonly latenessMs: number;
  readonly #options: CorrelationOptions;
  readonly #handlers: Handlers<Result>;
  readonly #emitter: Emitter;
  readonly #storage: EventStorage;
  readonly #isTick: (event: RecordedEvent) => boolean;

  /** @param isTick true for an event that only tells how late it is, when no others come */
  constructor(
    options: CorrelationOptions,
    operator: Operator<State, Result>,
    handlers: Handlers<Result>,
    schema: Schema,
    isTick: (event: RecordedEvent) => boolean,
  ) {
    this.operator = operator;
    this.latenessMs = milliseconds(options.lateness ?? 0, 'lateness');
    this.#options = options;
    this.#handlers = handlers;
    this.#emitter = new Emitter(options, schema);
    this.#storage = { store: toStored, restore: (stored) => fromStored(schema, stored) };
    this.#isTick = isTick;
  }

  /** Asks the user's functions about the events of a batch. */
  plan(events: readonly RecordedEvent[]): Plan {
    const keys = new Set<string>();
    let latest = Number.NEGATIVE_INFINITY;
    let before: bigint | undefined;
    let piece = 0;
    const steps = events.map((event): Step => {
      piece = event.position === before ? piece + 1 : 0;
      before = event.position;
      const isTick = this.#isTick(event);
      const key = isTick ? undefined : this.#keyOf(event);
      if (key !== undefined) keys.add(key);
      const isByLog = isTick || this.#options.time === undefined;
      const time = isByLog ? event.recordedAt.getTime() : this.#timeOf(event);
      latest = Math.max(latest, time);
      return { event, key, piece, time, isByLog };
    });
    return { steps, keys: [...keys], latest };
  }

  /**
   * Takes in a batch.
   *
   * @param progress is brought forward
   * @param documents what is open in the keys of the batch, and in those that are due at its end
   */
  apply({ steps }: Plan, progress: Progress, documents: ReadonlyMap<string, KeyDocument>): Outcome {
    const states = new Map<string, KeyState<State, Result>>();
    const emissions: Emission[] = [];
    const stateOf = (key: string): KeyState<State, Result> => {
      let state = states.get(key);
      if (state === undefined) {
        state = new KeyState(key, this.operator, documents.get(key), this.#storage);
        states.set(key, state);
      }
      return state;
    };
    const completeIn =
      (key: string): Complete<Result> =>
      (identity, result, origin) => {
        progress.completed += 1;
        this.#emit(progress, emissions, key, identity, this.#handlers.emit(key, result), origin);
      };
    /** @param except is looked at already */
    const passAll = (watermark: number, except: KeyState<State, Result> | undefined): void => {
      for (const key of documents.keys()) stateOf(key);
      for (const [key, state] of states) {
        if (state === except || state.size === 0) continue;
        state.pass(watermark, completeIn(key));
        if (state.size === 0) progress.keys -= 1;
      }
    };
    for (const { event, key, piece, isByLog, ...step } of steps) {
      const time = isByLog ? Math.max(step.time, progress.latest ?? step.time) : step.time;
      progress.latest = Math.max(progress.latest ?? time, time);
      progress.position = String(event.position);
      if (key === undefined) continue;
      progress.taken += 1;
      const watermark = progress.latest - this.latenessMs;
      const state = stateOf(key);
      const complete = completeIn(key);
      const wasOpen = state.size > 0;
      state.pass(watermark, complete);
      const timed: TimedEvent = { event, time, piece };
      if (!state.take(timed, watermark, complete)) this.#late(progress, emissions, key, timed);
      const isKeyTooMuch = (): boolean => !wasOpen && state.size > 0 && progress.keys >= this.#mostKeys;
      // Others may have ended by now, and only not been looked at.
      if (isKeyTooMuch()) passAll(watermark, state);
      this.#limit(progress, state, isKeyTooMuch(), event);
      progress.keys += Number(state.size > 0) - Number(wasOpen);
    }
    if (progress.latest !== undefined) passAll(progress.latest - this.latenessMs, undefined);
    return { changes: this.#changes(states, documents), emissions };
  }

  #changes(
    states: ReadonlyMap<string, KeyState<State, Result>>,
    documents: ReadonlyMap<string, KeyDocument>,
  ): Outcome['changes'] {
    const changes = new Map<string, KeyDocument | null>();
    for (const [key, state] of states) {
      if (state.size > 0) changes.set(key, state.toDocument(this.#storage));
      else if (documents.has(key)) changes.set(key, null);
    }
    return changes;
  }

  #late(progress: Progress, emissions: Emission[], key: string, timed: TimedEvent): void {
    progress.late += 1;
    const derived = this.#handlers.late?.(timed.event);
    this.#emit(progress, emissions, key, `late\0${placeOf(timed)}`, derived, originOf(timed));
  }

  #emit(
    progress: Progress,
    emissions: Emission[],
    key: string,
    identity: string,
    derived: unknown,
    origin: ReturnType<typeof originOf>,
  ): void {
    const emission = this.#emitter.emission(key, identity, derived, origin);
    if (emission === undefined) return;
    progress.emitted += emission.events.length;
    emissions.push(emission);
  }

  get #mostKeys(): number {
    return this.#options.limits?.keys ?? defaultKeys;
  }

  /** @throws {CorrelationLimitError} a limit is exceeded, and it says to fail */
  #limit(
    progress: Progress,
    state: KeyState<State, Result>,
    isKeyTooMuch: boolean,
    event: RecordedEvent,
  ): void {
    const { name, limits = {} } = this.#options;
    const { perKey = defaultPerKey, exceeded = 'fail' } = limits;
    if (!isKeyTooMuch && state.size <= perKey) return;
    if (exceeded === 'fail') {
      throw isKeyTooMuch
        ? new CorrelationLimitError(name, 'keys', this.#mostKeys, event)
        : new CorrelationLimitError(name, 'perKey', perKey, event);
    }
    progress.dropped += state.trim(isKeyTooMuch ? 0 : perKey);
  }

  #timeOf(event: RecordedEvent): number {
    const { time, name } = this.#options;
    const happened = time === undefined ? Number.NaN : Number(time(event));
    // A time that is said to be later than the recording would close what is not over yet.
    if (Number.isFinite(happened)) return Math.min(Math.floor(happened), event.recordedAt.getTime());
    throw new CorrelationError(
      name,
      undefined,
      `"time" gave back no time of event "${event.type}" (stream "${event.stream}", version ${event.version}), but must give a ` +
        'Date, or milliseconds since 1970.',
    );
  }

  #keyOf(event: RecordedEvent): string | undefined {
    if (this.#isTick(event)) return undefined;
    const { key: of, name } = this.#options;
    const key: unknown = typeof of === 'string' ? propertyOf(event.data, of) : of(event);
    if (key === undefined && typeof of !== 'string') return undefined;
    if (typeof key === 'string' && key !== '' && key.length <= longestKey && isStorable(key)) return key;
    const what = typeof key === 'string' ? 'a string of another kind' : `a ${typeof key}`;
    throw new CorrelationError(
      name,
      undefined,
      `the key ${typeof of === 'string' ? `in property "${of}" ` : ''}of event "${event.type}" (stream "${event.stream}", version ` +
        `${event.version}) is ${what}, but keys are well-formed strings of 1 to ${longestKey} characters without NUL. A function ` +
        'may give undefined to leave an event out.',
    );
  }
}

const propertyOf = (data: unknown, property: string): unknown =>
  typeof data === 'object' && data !== null ? Reflect.get(data, property) : undefined;

const isStorable = (key: string): boolean => !/\0|\p{Surrogate}/u.test(key);
