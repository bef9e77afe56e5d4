import {
  ConfigurationError,
  definedAt,
  type Class,
  type MessageDefinition,
  type RecordedEvent,
  type RetryPolicy,
} from '@tidemark/core';
import { install } from '../runtime/install.js';
import { recordedRetry } from './draft-context.js';
import type { ApprovalDecision } from './events.js';
import { eventDefinition, eventTypeOf } from './message-refs.js';
import type { EventRef, RetryOptions, SagaContext } from './saga-context.js';
import type {
  ApprovalHandler,
  SagaBehaviour,
  SagaDefinition,
  SagaEventHandler,
  SagaStartHandler,
  StepCompletedHandler,
  StepFailedHandler,
  StepFailure,
  TimerHandler,
} from './saga-definition.js';

/** What a saga is made with, besides its handlers. */
export interface SagaOptions {
  /** Stable, explicit name: instances are stored under it. Up to 200 characters. */
  readonly name: string;
  /** Events that complete or fail steps without a handler of their own: the saga hears only what it knows of. */
  readonly events?: readonly EventRef[] | undefined;
  /** How often an inverse is tried before a person is needed. Default: 5 attempts, the first wait `'1s'`. */
  readonly inverseRetry?: RetryOptions | undefined;
  /** How a throwing handler is tried again before the saga stops with health red. Default: that of processors. */
  readonly retry?: RetryPolicy | undefined;
  /** How many instances and steps are worked on at the same time. Default: 64. */
  readonly concurrency?: number | undefined;
}

/** Type of the data of an event, from its class; of one given by name, unknown. */
export type DataOf<Reference extends EventRef> = Reference extends Class<infer Data> ? Data : unknown;

type Key<Reference extends EventRef> = (data: DataOf<Reference>, event: RecordedEvent) => string;

/**
 * Builds a saga from functions; `@Saga` builds the same from a class. Handlers are given the state and change it.
 * The order of the calls does not matter; {@link build} ends them.
 */
export class SagaBuilder<State extends object> {
  readonly #options: SagaOptions;
  readonly #initialState: () => State;
  readonly #definedAt: string;
  readonly #starts = new Map<string, SagaStartHandler>();
  readonly #on = new Map<string, SagaEventHandler>();
  readonly #onCompleted = new Map<string, StepCompletedHandler>();
  readonly #onFailed = new Map<string, StepFailedHandler>();
  readonly #onTimer = new Map<string, TimerHandler>();
  readonly #onApproval = new Map<string, ApprovalHandler>();
  readonly #messages = new Set<MessageDefinition>();

  /** @param place where the user wrote it, as `file:line:column` */
  constructor(options: SagaOptions, initialState: () => State, place: string) {
    if (!/^[^\0\s:]{1,200}$/u.test(options.name)) {
      throw new ConfigurationError(
        `The saga at ${place} needs a name of 1 to 200 characters, without spaces and colons: it is stored, so it must ` +
          'outlive renamed classes.',
      );
    }
    this.#options = options;
    this.#initialState = initialState;
    this.#definedAt = place;
  }

  /** The event that begins an instance. One that exists already is not begun again. */
  starts<Reference extends EventRef>(
    event: Reference,
    options: { readonly key: Key<Reference> },
    handler: (state: State, data: DataOf<Reference>, saga: SagaContext) => unknown,
    name = `starts(${typeof event === 'string' ? event : event.name})`,
  ): this {
    this.#add(this.#starts, this.#note(event, name), { ...keyed(options.key), ...handling(name, handler) });
    return this;
  }

  /**
   * An event while the instance runs. Without a key it reaches the instance whose step caused it, however far down;
   * an event from elsewhere needs one. An event for which there is no instance is passed over.
   */
  on<Reference extends EventRef>(
    event: Reference,
    handler: (state: State, data: DataOf<Reference>, saga: SagaContext) => unknown,
    options: { readonly key?: Key<Reference> | undefined; readonly name?: string | undefined } = {},
  ): this {
    const { key, name = `on(${typeof event === 'string' ? event : event.name})` } = options;
    this.#add(this.#on, this.#note(event, name), {
      ...(key === undefined ? {} : keyed(key)),
      ...handling(name, handler),
    });
    return this;
  }

  /** Once every step of the name has ended: is completed, or has failed and its `onFailed` let the saga go on. */
  onCompleted(
    step: string,
    handler: (state: State, saga: SagaContext) => unknown,
    name = `onCompleted(${step})`,
  ): this {
    this.#add(this.#onCompleted, step, { name, handle: (state, saga) => handler(state as State, saga) });
    return this;
  }

  /** When a step of the name has failed for good. Without such a handler the saga is compensated. */
  onFailed(
    step: string,
    handler: (state: State, failure: StepFailure, saga: SagaContext) => unknown,
    name = `onFailed(${step})`,
  ): this {
    this.#add(this.#onFailed, step, {
      name,
      handle: (state, failure, saga) => handler(state as State, failure, saga),
    });
    return this;
  }

  /** When a timer of the name fires. */
  onTimer(
    timer: string,
    handler: (state: State, saga: SagaContext) => unknown,
    name = `onTimer(${timer})`,
  ): this {
    this.#add(this.#onTimer, timer, { name, handle: (state, saga) => handler(state as State, saga) });
    return this;
  }

  /** When a person has decided, or the deadline for it has passed. */
  onApproval(
    approval: string,
    handler: (state: State, decision: ApprovalDecision, saga: SagaContext) => unknown,
    name = `onApproval(${approval})`,
  ): this {
    this.#add(this.#onApproval, approval, {
      name,
      handle: (state, decision, saga) => handler(state as State, decision, saga),
    });
    return this;
  }

  /** @throws {ConfigurationError} nothing starts the saga */
  build(): SagaDefinition {
    const { name, events = [], inverseRetry = { attempts: 5 }, retry, concurrency = 64 } = this.#options;
    if (this.#starts.size === 0) {
      throw new ConfigurationError(
        `Saga "${name}" at ${this.#definedAt} never begins: say which event starts it (@Starts, or starts()).`,
      );
    }
    const heard = events.map((event) => this.#note(event, 'events'));
    const behaviour: SagaBehaviour = {
      name,
      initialState: this.#initialState,
      starts: this.#starts,
      on: this.#on,
      onCompleted: this.#onCompleted,
      onFailed: this.#onFailed,
      onTimer: this.#onTimer,
      onApproval: this.#onApproval,
      hears: new Set([...this.#starts.keys(), ...this.#on.keys(), ...heard]),
      inverseRetry: recordedRetry(inverseRetry, `saga "${name}": inverseRetry`),
    };
    const definition: SagaDefinition = {
      kind: 'saga',
      name,
      definedAt: this.#definedAt,
      behaviour,
      messages: [...this.#messages],
      retry,
      concurrency,
      install: (composition) => install(definition, composition),
    };
    return definition;
  }

  /** Notes the class of an event, and gives the name of its type. */
  #note(event: EventRef, handler: string): string {
    const mentionedBy = `Saga "${this.#options.name}" (${handler}) at ${this.#definedAt}`;
    const definition = eventDefinition(event, mentionedBy);
    if (definition !== undefined) this.#messages.add(definition);
    return eventTypeOf(event, mentionedBy);
  }

  #add<Handler extends { readonly name: string }>(
    handlers: Map<string, Handler>,
    key: string,
    handler: Handler,
  ): void {
    const other = handlers.get(key);
    if (other !== undefined) {
      throw new ConfigurationError(
        `Saga "${this.#options.name}" at ${this.#definedAt} has two handlers for "${key}": ${other.name} and ` +
          `${handler.name}. Keep one.`,
      );
    }
    handlers.set(key, handler);
  }
}

/**
 * A saga from functions.
 *
 * @param options name and policies, and the function that makes an initial state: an object whose fields are plain JSON
 * @throws {ConfigurationError} a bad name
 */
export const saga = <State extends object>(
  options: SagaOptions & { readonly state: () => State },
): SagaBuilder<State> => new SagaBuilder(options, options.state, definedAt(saga));

// The store gives back what the type's class, or nobody, says: that is where an unknown becomes the declared type.
const handling = (
  name: string,
  handler: (state: never, data: never, saga: SagaContext) => unknown,
): Pick<SagaEventHandler, 'name' | 'handle'> => ({
  name,
  handle: (state, event, context) => handler(state as never, event.data as never, context),
});

const keyed = (key: (data: never, event: RecordedEvent) => string): Pick<SagaStartHandler, 'key'> => ({
  key: (event) => key(event.data as never, event),
});
