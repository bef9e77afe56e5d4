import type { Composition } from '../app/composition.js';
import type { ServiceScope } from '../messages/context.js';
import type { RecordedEvent } from '../messages/event.js';
import type { ProcessorDefinition } from '../model/processor-definition.js';
import { asJson } from './as-json.js';
import { BatchHandler } from './batch-handler.js';
import { Correlations } from './correlations.js';
import { Correlator, type Handlers } from './correlator.js';
import type { CorrelationDefinition } from './definition.js';
import type { Operator } from './operator.js';
import { patternOperator } from './pattern-operator.js';
import { tickType } from './ticks.js';
import { TimeKeeper } from './time-keeper.js';
import { windowOperator } from './window-operators.js';

/** Name of the processor that runs a correlation. */
export const processorName = (name: string): string => `correlation:${name}`;

/** Makes a correlation part of an application: its processor, and one keeper of the time for all of them. */
export const install = (definition: CorrelationDefinition, composition: Composition): void => {
  const { backend, appends } = composition;
  composition
    .service(Correlations, () => {
      const correlations = new Correlations(backend);
      composition.addLifecycle(correlations);
      return correlations;
    })
    .add(definition);
  const keeper = composition.service(TimeKeeper, () => {
    const made = new TimeKeeper(composition);
    composition.addLifecycle(made);
    return made;
  });
  const { name, options, types } = definition;
  const surroundings = {
    appends,
    appendsInTransaction: backend.events.capabilities.transactionalAppend,
    expect: (at: number) => keeper.expect(at),
  };
  let handler: { handle: BatchHandler<unknown, unknown>['handle'] } | undefined;
  const made = (): { handle: BatchHandler<unknown, unknown>['handle'] } => {
    // Not before the application starts: its container may not be complete.
    handler ??= batchHandler(definition, composition, surroundings);
    return handler;
  };
  const processor: ProcessorDefinition = {
    kind: 'processor',
    role: 'correlation',
    name: processorName(name),
    definedAt: definition.definedAt,
    types: [...types, tickType(name)],
    startFrom: options.startFrom,
    batchSize: options.batchSize,
    retry: options.retry,
    messages: definition.messages,
    handler: definition.handler,
    delivery: { mode: 'transaction', handle: (events, tx) => made().handle(events, tx) },
  };
  composition.addProcessor(processor);
};

const batchHandler = (
  definition: CorrelationDefinition,
  composition: Composition,
  surroundings: ConstructorParameters<typeof BatchHandler>[2],
): { handle: BatchHandler<unknown, unknown>['handle'] } => {
  const { schema, container } = composition;
  const services: ServiceScope = { get: (service) => container.get(service) };
  const logic = definition.logic(services);
  const late = definition.late(services);
  const correlate = <State, Result>(operator: Operator<State, Result>, emit: Handlers<Result>['emit']) =>
    new BatchHandler(
      definition,
      new Correlator(definition.options, operator, { emit, late }, schema, isTickOf(definition)),
      surroundings,
    );
  switch (logic.kind) {
    case 'windows': {
      const where = `the state of a window of correlation "${definition.name}"`;
      const operator = windowOperator(logic.window, ({ event }, state) => {
        const next = logic.fold(event, state === undefined ? undefined : asJson(state, where));
        return next === undefined ? undefined : asJson(next, where);
      });
      return correlate(operator, (key, window) => logic.emit({ ...window, key }));
    }
    case 'pattern':
      return correlate(patternOperator(logic.steps, logic.withinMs), (key, match) =>
        logic.emit({ ...match, key }),
      );
    default:
      return logic satisfies never;
  }
};

const isTickOf = ({ name }: CorrelationDefinition): ((event: RecordedEvent) => boolean) => {
  const type = tickType(name);
  return (event) => event.type === type;
};
