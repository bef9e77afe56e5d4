import { ConfigurationError } from '../error.js';
import { TypePattern } from '../routing/type-pattern.js';
import type { BatchOptions } from './batch-handler.js';
import { MarkKind } from './class-marks.js';
import { definedAt } from './defined-at.js';
import type { Class } from './definition.js';
import {
  messageHandlers,
  type HandledMessages,
  type MessageHandler,
  type MessageReference,
} from './handled-messages.js';

const handlers = new MarkKind<HandledMessages>('@OnBatch');
const options = new MarkKind<BatchOptions>('@OnBatch');

/**
 * On a method `(events, context)` of a class with `@Processor` that handles several events at once: `events` are their data, as instances
 * of their classes, and `context.events` has the events themselves, in the same order. If it throws, each is handled again by itself.
 *
 * @param parameters classes of the events, names of types without one, or `matching('agent.*.completed')`, at least one; then, if wanted,
 * how the batches are made
 *
 * @example
 * ```ts
 * @OnBatch(PageViewed, { max: 500, waitMs: 200 })
 * viewed(views: readonly PageViewed[], { events, signal }: EventsContext) {}
 * ```
 */
export const OnBatch = (
  ...parameters:
    | readonly (MessageReference | TypePattern)[]
    | readonly [...events: (MessageReference | TypePattern)[], options: BatchOptions]
) => {
  const place = definedAt(OnBatch);
  const events: (MessageReference | TypePattern)[] = [];
  let how: BatchOptions = {};
  for (const parameter of parameters) {
    if (isOptions(parameter)) how = parameter;
    else events.push(parameter);
  }
  if (events.length === 0) {
    throw new ConfigurationError(
      `@OnBatch (${place}) must name its events: of a list of events, the compiler leaves no trace of what is in it.`,
    );
  }
  return (target: object, method: string): void => {
    handlers.add(target, method, events, place);
    options.add(target, method, how, place);
  };
};

const isOptions = (parameter: MessageReference | TypePattern | BatchOptions): parameter is BatchOptions =>
  typeof parameter === 'object' && !(parameter instanceof TypePattern);

/** The `@OnBatch` handlers of a class. */
export const batchMethods = (type: Class): readonly MessageHandler[] =>
  messageHandlers(type, handlers, 'event', true);

/** How they want their batches, by the name of the method. */
export const batchOptions = (type: Class): ReadonlyMap<string, BatchOptions> =>
  new Map(options.of(type).map((mark) => [mark.member, mark.options]));
