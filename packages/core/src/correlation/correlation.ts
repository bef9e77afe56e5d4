import { ConfigurationError } from '../error.js';
import { attachDefinition } from '../model/attached.js';
import { MarkKind } from '../model/class-marks.js';
import { definedAt } from '../model/defined-at.js';
import type { Class } from '../model/definition.js';
import { callMethod } from '../model/handled-messages.js';
import { makeInjectable, tokenOf } from '../model/handler-class.js';
import { eventHandlers } from '../model/processor.js';
import { checkOptions, checkPattern, emittedMessages } from './check-options.js';
import type { CorrelationDefinition, CorrelationOptions } from './definition.js';
import { install } from './install.js';
import type { Pattern } from './pattern.js';
import type { WindowSpec } from './window.js';

/** What `@Correlation` says of a class that folds windows: its methods with `@On` take `(event, state, recorded)`. */
export interface WindowClassOptions extends CorrelationOptions {
  readonly window: WindowSpec;
  readonly pattern?: undefined;
}

/** What `@Correlation` says of a class that waits for a pattern. */
export interface PatternClassOptions extends CorrelationOptions {
  readonly pattern: Pattern<readonly unknown[]>;
  readonly window?: undefined;
}

const onWindow = new MarkKind<undefined>('@OnWindow');
const onMatch = new MarkKind<undefined>('@OnMatch');
const onLate = new MarkKind<undefined>('@OnLate');

/**
 * Makes the class a correlation: it looks at the events that share a key, in windows or for a pattern, and events follow from what
 * it finds.
 *
 * With `window`, methods with `@On` fold events into the state of their window, `(event, state, recorded) => state`, and the one
 * with `@OnWindow` gives the events that follow when a window closes. With `pattern`, the one with `@OnMatch` gives those that
 * follow from a match. All are pure and synchronous; the class is resolved through the container.
 *
 * @throws {ConfigurationError} at registration: options that contradict each other, or a method that is missing
 */
export const Correlation = (options: WindowClassOptions | PatternClassOptions) => {
  const place = definedAt(Correlation);
  return (type: Class): void => {
    attachDefinition(type, () => build(type, options, place));
  };
};

/** On the method `(window: Window<State>)` that gives what follows when a window closes: an event, several, or nothing. */
export const OnWindow = () => marking(onWindow, definedAt(OnWindow));

/** On the method `(match: Match<[A, B]>)` that gives what follows from a match: an event, several, or nothing. */
export const OnMatch = () => marking(onMatch, definedAt(OnMatch));

/** On a method `(event, recorded)` that is called with events that are late, and may give events that follow. */
export const OnLate = () => marking(onLate, definedAt(OnLate));

const marking =
  (kind: MarkKind<undefined>, place: string) =>
  (target: object, method: string): void =>
    kind.add(target, method, undefined, place);

const build = (
  type: Class,
  options: WindowClassOptions | PatternClassOptions,
  place: string,
): CorrelationDefinition => {
  const by = `@Correlation on ${type.name} (${place})`;
  checkOptions(by, place, options);
  makeInjectable(type);
  const token = tokenOf(type);
  const late = onLate.of(type).at(0)?.member;
  const base = {
    kind: 'correlation' as const,
    name: options.name,
    definedAt: place,
    options,
    handler: { class: type, scope: 'singleton' as const },
    late: (services: Parameters<CorrelationDefinition['late']>[0]) =>
      late === undefined
        ? undefined
        : (event: Parameters<ReturnType<CorrelationDefinition['late']> & object>[0]) =>
            callMethod(services.get(token), late, [event.data, event]),
  };
  const emits = emittedMessages(by, options.emits);
  const on = eventHandlers(type);
  if (options.window !== undefined) {
    const { window } = options;
    if (on.length === 0) throw missing(by, '@On()', 'takes an event into its window');
    const emit = theMethod(type, onWindow, by, 'gives what follows from a window');
    const methods = new Map(on.flatMap(({ method, types }) => types.map((name) => [name, method])));
    const definition: CorrelationDefinition = {
      ...base,
      types: [...methods.keys()],
      messages: [...new Set(on.flatMap(({ messages }) => messages)), ...emits],
      logic: (services) => ({
        kind: 'windows',
        window,
        fold(event, state) {
          const method = methods.get(event.type);
          if (method === undefined) return undefined;
          return callMethod(services.get(token), method, [event.data, state, event]);
        },
        emit: (closed) => callMethod(services.get(token), emit, [closed]),
      }),
      install: (composition) => install(definition, composition),
    };
    return definition;
  }
  if (on.length > 0) {
    throw new ConfigurationError(
      `${by} waits for a pattern, which says itself which events it takes: remove @On from ${on[0]?.method}.`,
    );
  }
  const { steps } = options.pattern;
  const withinMs = checkPattern(by, steps, options.pattern.withinMs);
  const emit = theMethod(type, onMatch, by, 'gives what follows from a match');
  const definition: CorrelationDefinition = {
    ...base,
    types: [...new Set(steps.map((step) => step.type))],
    messages: [...new Set(steps.flatMap(({ message }) => message ?? [])), ...emits],
    logic: (services) => ({
      kind: 'pattern',
      steps,
      withinMs,
      emit: (match) => callMethod(services.get(token), emit, [match]),
    }),
    install: (composition) => install(definition, composition),
  };
  return definition;
};

const theMethod = (type: Class, kind: MarkKind<undefined>, by: string, what: string): string => {
  const [mark, other] = kind.of(type);
  if (mark === undefined) throw missing(by, `${kind.decorator}()`, what);
  if (other === undefined) return mark.member;
  throw new ConfigurationError(
    `${by} has ${kind.decorator} on ${mark.member} and on ${other.member} (${other.definedAt}): keep one.`,
  );
};

const missing = (by: string, decorator: string, what: string): ConfigurationError =>
  new ConfigurationError(`${by} has no method that ${what}: add ${decorator} to one.`);
