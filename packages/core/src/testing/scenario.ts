import { isDeepStrictEqual } from 'node:util';
import { eventsOf } from '../aggregates/decision.js';
import { DecisionContext } from '../commands/decision-context.js';
import { ConfigurationError } from '../error.js';
import type { ServiceScope } from '../messages/context.js';
import type { NewEvent } from '../messages/event.js';
import { newId } from '../messages/ids.js';
import type { Metadata } from '../messages/metadata.js';
import { streamOf, type AggregateDefinition } from '../model/aggregate-definition.js';
import type { Class, Definition } from '../model/definition.js';
import { definitionsOf } from '../model/definitions-of.js';
import type { Schema } from '../schema/schema.js';
import { assertError, assertSame, fail, type ExpectedError } from './assert-same.js';
import { comparable, recorded, type GivenEvent } from './events-in-tests.js';
import { schemaOf } from './schema-in-tests.js';

/** What a scenario needs beside its aggregate. */
export interface ScenarioOptions {
  /** Further classes and definitions, e.g. upcasters. Messages that the aggregate mentions need not be listed. */
  readonly register?: readonly (Class | Definition)[] | undefined;
  /** Where the handlers' dependencies come from, e.g. a container. Default: none. */
  readonly services?: ServiceScope | undefined;
}

/** What came of a command. */
type Outcome<State> =
  | {
      readonly kind: 'decided';
      readonly events: readonly NewEvent[];
      readonly state: State;
      readonly schema: Schema;
    }
  | { readonly kind: 'failed'; readonly error: unknown };

/**
 * A test of an aggregate in the words of its domain: given these events, when this command comes, then these events
 * follow. Nothing is stored, but messages are validated and written as JSON and back, as in earnest.
 *
 * Every scenario also checks that the handler left the state alone: only events change it.
 *
 * ```ts
 * await scenario(Order).given(new OrderPlaced('o-1')).when(new ShipOrder('o-1')).thenEvents(new OrderShipped('o-1'));
 * ```
 *
 * @param aggregate a class with `@Aggregate`, or a definition, as `decider` makes it
 */
export function scenario<State>(
  aggregate: AggregateDefinition<State, never, never>,
  options?: ScenarioOptions,
): Scenario<State>;
export function scenario<State extends object>(
  aggregate: Class<State>,
  options?: ScenarioOptions,
): Scenario<State>;
export function scenario(aggregate: Class | Definition, options: ScenarioOptions = {}): Scenario<unknown> {
  const definition = definitionsOf(aggregate).find((found) => found.kind === 'aggregate');
  if (definition === undefined) {
    throw new ConfigurationError(
      `${aggregate.name} is no aggregate: add @Aggregate({ name: '…' }), or use decider.`,
    );
  }
  return new Scenario(definition as AggregateDefinition, options, []);
}

/** A scenario that is being told. Each step makes a new one, so beginnings can be shared. */
export class Scenario<State> {
  readonly #definition: AggregateDefinition<State>;
  readonly #options: ScenarioOptions;
  readonly #given: readonly GivenEvent[];

  constructor(
    definition: AggregateDefinition<State>,
    options: ScenarioOptions,
    given: readonly GivenEvent[],
  ) {
    this.#definition = definition;
    this.#options = options;
    this.#given = given;
  }

  /** What has happened before. Old events, `{ type, schemaVersion, data }`, are brought to their newest version. */
  given(...events: readonly GivenEvent[]): Scenario<State> {
    return new Scenario(this.#definition, this.#options, [...this.#given, ...events]);
  }

  /**
   * The command to decide on.
   *
   * @param metadata what it comes with. Default: none
   */
  when(command: object, metadata: Metadata = {}): DecidedScenario<State> {
    return new DecidedScenario(() => this.#decide(command, metadata));
  }

  /** Checks the state that the given events lead to, as {@link DecidedScenario.thenState}. */
  async thenState(expected: Partial<State>, id = '1'): Promise<void> {
    assertState(this.#fold(this.#schema(), id), expected);
  }

  async #decide(sent: object, metadata: Metadata): Promise<Outcome<State>> {
    const definition = this.#definition;
    const schema = this.#schema();
    const { type, data } = schema.commandTypeOf(sent);
    const command = data === sent ? sent : schema.reviveCommand(type, data);
    const id = definition.targetOf(command);
    const stream = streamOf(definition.name, id);
    const state = this.#fold(schema, id);
    const context = new DecisionContext({
      commandId: newId(),
      aggregateId: id,
      stream,
      version: this.#given.length - 1,
      metadata,
      services: this.#options.services,
    });
    let outcome: Outcome<State>;
    try {
      schema.validate(command);
      const decided = await context.run(() =>
        eventsOf(definition.decide(command, state, context), definition.name),
      );
      const events = decided.map((event) => schema.toEvent(event, context.outgoing()));
      outcome = { kind: 'decided', events, state: this.#fold(schema, id, events), schema };
    } catch (error) {
      outcome = { kind: 'failed', error };
    }
    const untouched = this.#fold(schema, id);
    if (!isDeepStrictEqual(state, untouched)) {
      assertSame(
        state,
        untouched,
        `The handler of "${type}" changed the state of aggregate "${definition.name}" itself. Only events may, where they ` +
          'are applied: what a handler changes is lost when the aggregate is loaded again.',
      );
    }
    return outcome;
  }

  #schema(): Schema {
    return schemaOf(this.#definition.messages, this.#options.register);
  }

  #fold(schema: Schema, id: string, further: readonly NewEvent[] = []): State {
    const definition = this.#definition;
    const stream = streamOf(definition.name, id);
    const events = [...this.#given, ...further].map((event, version) =>
      recorded(schema, event, stream, version),
    );
    let state = definition.initialState(id);
    for (const event of schema.read(events)) state = definition.evolve(state, event);
    return state;
  }
}

/** A scenario that waits for what is expected. */
export class DecidedScenario<State> {
  readonly #decide: () => Promise<Outcome<State>>;

  constructor(decide: () => Promise<Outcome<State>>) {
    this.#decide = decide;
  }

  /**
   * Expects exactly these events, in this order; metadata is not compared.
   *
   * @param expected instances of event classes, or `{ type, data }`
   * @throws {AssertionError} with the differences
   */
  async thenEvents(...expected: readonly object[]): Promise<void> {
    const outcome = await this.#decide();
    if (outcome.kind === 'failed') return unexpectedFailure(outcome.error);
    assertEvents(outcome, expected, 'The command led to other events.');
  }

  /** Expects that nothing happens: no event and no error. */
  async thenNothing(): Promise<void> {
    const outcome = await this.#decide();
    if (outcome.kind === 'failed') return unexpectedFailure(outcome.error);
    assertEvents(outcome, [], 'The command led to events, but nothing was expected.');
  }

  /**
   * Expects the command to be refused.
   *
   * @param expected the error's class, or a part or pattern of its message. Default: any error
   */
  async thenFails(expected?: ExpectedError): Promise<void> {
    const outcome = await this.#decide();
    if (outcome.kind === 'decided') {
      const events = outcome.events.map(
        (event) => `\n  ${JSON.stringify(comparable(outcome.schema, event))}`,
      );
      fail(
        `The command should have failed, but led to${events.length === 0 ? ' nothing.' : `:${events.join('')}`}`,
      );
    } else assertError(outcome.error, expected, 'The command');
  }

  /**
   * Expects the state after the command.
   *
   * @param expected the properties that matter; the others are not compared
   */
  async thenState(expected: Partial<State>): Promise<void> {
    const outcome = await this.#decide();
    if (outcome.kind === 'failed') return unexpectedFailure(outcome.error);
    assertState(outcome.state, expected);
  }
}

const assertEvents = (
  { events, schema }: Extract<Outcome<unknown>, { readonly kind: 'decided' }>,
  expected: readonly object[],
  headline: string,
): void => {
  const comparables = (list: readonly object[]) => list.map((event) => comparable(schema, event));
  assertSame(comparables(events), comparables(expected), headline);
};

const assertState = (state: unknown, expected: unknown): void => {
  const headline = 'The state is another one.';
  if (typeof state !== 'object' || state === null || typeof expected !== 'object' || expected === null) {
    assertSame(state, expected, headline);
    return;
  }
  const actual = Object.fromEntries(
    Object.keys(expected).map((key): [string, unknown] => [key, Reflect.get(state, key)]),
  );
  assertSame(actual, { ...expected }, headline);
};

const unexpectedFailure = (error: unknown): never => {
  throw error;
};
