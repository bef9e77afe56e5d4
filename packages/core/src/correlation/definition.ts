import type { Composition, InstallableDefinition } from '../app/composition.js';
import type { RecordedEvent } from '../messages/event.js';
import type { ServiceScope } from '../messages/context.js';
import type { HandlerClass } from '../model/handler-class.js';
import type { MessageDefinition } from '../model/message-definition.js';
import type { RetryPolicy } from '../model/processor-definition.js';
import type { Duration } from '../duration.js';
import type { Match, PatternStep } from './pattern.js';
import type { Window, WindowSpec } from './window.js';

/** Events that follow from what was found: one, several, or none. Instances of event classes, or `{ type, data }`. */
export type Derived = object | Iterable<object> | undefined | void;

/** How much a correlation may hold, and what happens then. */
export interface CorrelationLimits {
  /** Most keys with something open. Default: 100,000. */
  readonly keys?: number | undefined;
  /** Most things open in one key: windows, attempts at a pattern, events that wait for their time. Default: 1,000. */
  readonly perKey?: number | undefined;
  /**
   * At an event that would exceed a limit: `fail` stops the correlation there, `drop` leaves the event out and counts it.
   * Default: `fail`.
   */
  readonly exceeded?: 'fail' | 'drop' | undefined;
}

/** What all correlations are told, whatever they look for. */
export interface CorrelationOptions {
  /** Stable, explicit name of 1 to 100 characters: what is open is stored under it. */
  readonly name: string;
  /**
   * What events belong together: the property of their data that holds the key, a string, or a function of the recorded event;
   * `undefined` leaves an event out. Keys have 1 to 300 characters.
   */
  readonly key: string | ((event: RecordedEvent) => string | undefined);
  /**
   * When an event happened. Default: when it was recorded, never before the event before it in the log, so that none is late.
   * An event cannot have happened after it was recorded: a later time is taken as that.
   */
  readonly time?: ((event: RecordedEvent) => Date | number) | undefined;
  /**
   * How far the watermark stays behind the latest time seen: so much later than others may an event come. Needed with `time`;
   * without it, 0.
   */
  readonly lateness?: Duration | undefined;
  /**
   * When no event comes, does time go on? `advance`: by the store's clock, so that windows end and absence is noticed. `wait`:
   * only events tell the time. Default: `advance`.
   */
  readonly whenIdle?: 'advance' | 'wait' | undefined;
  /** The stream that derived events are appended to, or a function of the key. Default: `correlation:<name>-<key>`. */
  readonly stream?: string | ((key: string) => string) | undefined;
  /** Classes of the derived events, to register them. Default: they are registered by somebody else. */
  readonly emits?: readonly (abstract new (...parameters: never[]) => object)[] | undefined;
  readonly limits?: CorrelationLimits | undefined;
  /** Where to start without a checkpoint. Default: `beginning`. */
  readonly startFrom?: 'beginning' | 'end' | undefined;
  /** Most events in one batch, which is one transaction. Default: 500. */
  readonly batchSize?: number | undefined;
  readonly retry?: RetryPolicy | undefined;
}

/** What a correlation looks for, bound to what its handlers depend on. Handlers are pure: they may be called again. */
export type CorrelationLogic =
  | {
      readonly kind: 'windows';
      readonly window: WindowSpec;
      /** The next state of a window. `undefined` leaves it as it is. */
      fold(event: RecordedEvent, state: unknown): unknown;
      /** What follows from a window when it closes: events, or nothing. */
      emit(window: Window): unknown;
    }
  | {
      readonly kind: 'pattern';
      readonly steps: readonly PatternStep[];
      readonly withinMs: number;
      /** What follows from a match: events, or nothing. */
      emit(match: Match): unknown;
    };

/**
 * Windows or a pattern over the events that share a key. Made by `@Correlation`, `windowCorrelation` or `patternCorrelation`.
 */
export interface CorrelationDefinition extends InstallableDefinition {
  readonly kind: 'correlation';
  /** The options, checked. */
  readonly options: CorrelationOptions;
  /** Names of the event types that it takes. */
  readonly types: readonly string[];
  /** Classes of events that it mentions; they are registered with it. */
  readonly messages: readonly MessageDefinition[];
  /** The class whose methods handle, if it was made from one. */
  readonly handler?: HandlerClass | undefined;
  /** What it looks for, with handlers that are resolved from the services of the application. */
  logic(services: ServiceScope): CorrelationLogic;
  /** What is done with an event that is late, or nothing. */
  late(services: ServiceScope): ((event: RecordedEvent) => unknown) | undefined;
  install(composition: Composition): void;
}
