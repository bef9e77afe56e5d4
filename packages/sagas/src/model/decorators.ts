import {
  ConfigurationError,
  MarkKind,
  attachDefinition,
  callMethod,
  definedAt,
  eventHandlers,
  messageHandlers,
  type Class,
  type HandledMessages,
  type RecordedEvent,
} from '@tidemark/core';
import { SagaBuilder, type SagaOptions } from './saga.js';
import type { SagaDefinition } from './saga-definition.js';

type KeyFunction = (data: never, event: RecordedEvent) => string;

const starts = new MarkKind<HandledMessages>('@Starts');
const startKeys = new MarkKind<KeyFunction>('@Starts');
const correlations = new MarkKind<KeyFunction>('@CorrelatedBy');
const named = {
  onCompleted: new MarkKind<string>('@OnCompleted'),
  onFailed: new MarkKind<string>('@OnFailed'),
  onTimer: new MarkKind<string>('@OnTimer'),
  onApproval: new MarkKind<string>('@OnApproval'),
};

/**
 * Makes the class a saga. Its fields are the state: plain JSON, recorded when a handler changes them. Its methods decide
 * on what happens; they are called on a state object that is made anew for each input, so the class takes no constructor
 * parameters and keeps nothing elsewhere.
 */
export const Saga = (options: SagaOptions) => {
  const place = definedAt(Saga);
  return (type: new () => object): void => {
    attachDefinition(type, () => build(type, options, place));
  };
};

/**
 * On a method `(event, saga)`: the event that begins an instance.
 *
 * @param options `event`: its class, or the name of its type; default: the type of the first parameter. `key`: the key
 *   of the instance that it begins
 */
export const Starts = <Data>(options: {
  readonly event?: Class<Data> | string | undefined;
  readonly key: (data: Data, event: RecordedEvent) => string;
}) => {
  const place = definedAt(Starts);
  return (target: object, method: string): void => {
    starts.add(target, method, options.event === undefined ? [] : [options.event as Class | string], place);
    startKeys.add(target, method, options.key, place);
  };
};

/**
 * Beside `@On`, for events from outside of the saga: the key of the instance that the event is for. Without it an event
 * reaches the instance whose step caused it.
 */
export const CorrelatedBy = (key: (data: never, event: RecordedEvent) => string) => {
  const place = definedAt(CorrelatedBy);
  return (target: object, method: string): void => correlations.add(target, method, key, place);
};

/** On a method `(saga)`: called once every step of the name has ended, completed or as its `@OnFailed` allowed. */
export const OnCompleted = (step: string) => {
  const place = definedAt(OnCompleted);
  return (target: object, method: string): void => named.onCompleted.add(target, method, step, place);
};

/** On a method `(failure, saga)`: called when a step of the name has failed for good. Without one the saga is compensated. */
export const OnFailed = (step: string) => {
  const place = definedAt(OnFailed);
  return (target: object, method: string): void => named.onFailed.add(target, method, step, place);
};

/** On a method `(saga)`: called when the timer fires. */
export const OnTimer = (timer: string) => {
  const place = definedAt(OnTimer);
  return (target: object, method: string): void => named.onTimer.add(target, method, timer, place);
};

/** On a method `(decision, saga)`: called when a person has decided, or the deadline has passed. */
export const OnApproval = (approval: string) => {
  const place = definedAt(OnApproval);
  return (target: object, method: string): void => named.onApproval.add(target, method, approval, place);
};

const build = (type: new () => object, options: SagaOptions, place: string): SagaDefinition => {
  const builder = new SagaBuilder(options, () => new type(), place);
  const keys = new Map(startKeys.of(type).map((mark) => [mark.member, mark.options]));
  for (const { method, types, messages } of messageHandlers(type, starts, 'event')) {
    const key = keys.get(method);
    if (key === undefined) continue;
    for (const reference of references(types, messages)) {
      builder.starts(reference, { key: (data, event) => key(data as never, event) }, call(method), method);
    }
  }
  const correlated = new Map(correlations.of(type).map((mark) => [mark.member, mark]));
  for (const { method, types, messages } of eventHandlers(type)) {
    const key = correlated.get(method)?.options;
    correlated.delete(method);
    for (const reference of references(types, messages)) {
      builder.on(reference, call(method), {
        name: method,
        ...(key === undefined
          ? {}
          : { key: (data: unknown, event: RecordedEvent) => key(data as never, event) }),
      });
    }
  }
  for (const { member, definedAt: at } of correlated.values()) {
    throw new ConfigurationError(
      `@CorrelatedBy on ${type.name}.${member} (${at}) stands alone: add @On() to it.`,
    );
  }
  for (const { member, options: step } of named.onCompleted.of(type)) {
    builder.onCompleted(step, (state, saga) => callMethod(state, member, [saga]), member);
  }
  for (const { member, options: step } of named.onFailed.of(type)) {
    builder.onFailed(step, (state, failure, saga) => callMethod(state, member, [failure, saga]), member);
  }
  for (const { member, options: timer } of named.onTimer.of(type)) {
    builder.onTimer(timer, (state, saga) => callMethod(state, member, [saga]), member);
  }
  for (const { member, options: approval } of named.onApproval.of(type)) {
    builder.onApproval(
      approval,
      (state, decision, saga) => callMethod(state, member, [decision, saga]),
      member,
    );
  }
  return builder.build();
};

const call =
  (method: string) =>
  (state: object, data: unknown, saga: unknown): unknown =>
    callMethod(state, method, [data, saga]);

/** The classes of the types where they have one, so that they are registered with the saga; else their names. */
const references = (
  types: readonly string[],
  messages: readonly { readonly name: string; readonly class: Class }[],
): readonly (Class | string)[] =>
  types.map((name) => messages.find((message) => message.name === name)?.class ?? name);
