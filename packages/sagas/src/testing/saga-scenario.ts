import assert from 'node:assert/strict';
import {
  ConfigurationError,
  Schema,
  definitionsOf,
  deterministicId,
  type Class,
  type Definition,
  type RecordedEvent,
} from '@tidemark/core';
import { inverseId, pendingUndo } from '../model/compensation.js';
import { instanceStream, type ApprovalDecision, type SagaEvent } from '../model/events.js';
import { emptyInstance, statusOf, type SagaInstance, type SagaStatus } from '../model/instance.js';
import { commandOf, toJson } from '../model/message-refs.js';
import type { SagaDefinition } from '../model/saga-definition.js';
import type { CommandMessage } from '../model/saga-context.js';
import { transition, type SagaInput } from '../model/transition.js';

/** Something that happens to the instance; an event may be given as it is. */
export interface Happening {
  readonly what: string;
  /** The inputs that it is, one after another. */
  inputs(instance: SagaInstance, world: World): readonly SagaInput[];
}

/** What a happening needs to know to become an input. */
export interface World {
  record(event: object, step?: { readonly id: string; readonly attempt: number }): RecordedEvent;
  readonly starts: ReadonlySet<string>;
}

const happening = (what: string, inputs: Happening['inputs']): Happening => ({ what, inputs });

const attemptOf = (instance: SagaInstance, id: string) => {
  const step = instance.steps.get(id);
  if (step !== undefined) return { step: id, attempt: step.attempt };
  return assert.fail(
    `No step "${id}" was requested. There are: ${[...instance.steps.keys()].join(', ') || 'none'}.`,
  );
};

/** The step's command is accepted. Steps are named as in the stream: `name`, or `name/key`. */
export const accepts = (step: string, value?: unknown): Happening =>
  happening(`accepts ${step}`, (instance) => [
    {
      kind: 'command-accepted',
      attempt: attemptOf(instance, step),
      result: { events: [], value },
      position: undefined,
    },
  ]);

/** The step's command is refused. */
export const refuses = (step: string, reason: string): Happening =>
  happening(`refuses ${step}`, (instance) => [
    { kind: 'command-rejected', attempt: attemptOf(instance, step), reason },
  ]);

/** The step's command leads to this event, directly or further down. */
export const causes = (step: string, event: object): Happening =>
  happening(`${step} causes an event`, (instance, world) => {
    const { attempt } = attemptOf(instance, step);
    return [{ kind: 'event', event: world.record(event, { id: step, attempt }), start: false }];
  });

/** The step's deadline passes. */
export const misses = (step: string): Happening =>
  happening(`${step} misses its deadline`, (instance) => {
    const attempt = attemptOf(instance, step);
    return [
      { kind: 'deadline-due', attempt },
      { kind: 'deadline-passed', attempt },
    ];
  });

/** The wait before the step's next attempt is over. */
export const retries = (step: string): Happening =>
  happening(`${step} is tried again`, (instance) => {
    const { attempt } = attemptOf(instance, step);
    return [{ kind: 'retry-due', attempt: { step, attempt: attempt + 1 } }];
  });

/** The timer fires. */
export const fires = (timer: string): Happening =>
  happening(`timer ${timer} fires`, (instance) => {
    const set = instance.timers.get(timer);
    if (set === undefined) assert.fail(`The timer "${timer}" is not set.`);
    return [
      { kind: 'timer-due', timer, setId: set.setId },
      { kind: 'timer-fired', timer },
    ];
  });

/** Somebody decides, or the deadline does: `expired`. */
export const decides = (decision: ApprovalDecision): Happening =>
  happening(`approval ${decision.approval} ${decision.outcome}`, (instance) => {
    if (!instance.approvals.has(decision.approval))
      assert.fail(`No approval "${decision.approval}" is pending.`);
    return [
      { kind: 'approval-due', decision, requestId: undefined },
      { kind: 'approval-decided', decision },
    ];
  });

/** The next inverse is accepted; or refused, with a reason. */
export const undoes = (step: string, refusal?: string): Happening =>
  happening(`undoes ${step}`, (instance) => {
    const [next] = pendingUndo(instance);
    if (next?.undo === undefined || next.id !== step) {
      return assert.fail(`The next step to undo is ${next?.id ?? 'none'}, not "${step}".`);
    }
    const sent = inverseId(next, next.undo.round, next.undo.attempt);
    return refusal === undefined
      ? [{ kind: 'inverse-accepted', step, inverseId: sent, position: undefined }]
      : [{ kind: 'inverse-rejected', step, inverseId: sent, reason: refusal }];
  });

/** What is expected of an instance; what is left out is not compared. */
export interface ExpectedOfSaga {
  /** Commands of steps that the last happening led to, in order. */
  readonly commands?: readonly CommandMessage[] | undefined;
  /** Names of the steps requested, with their keys: `search/part-1`. */
  readonly steps?: readonly string[] | undefined;
  /** Commands that undo, in the order in which they are still to be sent. */
  readonly inverses?: readonly CommandMessage[] | undefined;
  /** Timers that are set. */
  readonly timers?: readonly string[] | undefined;
  /** Approvals that are pending. */
  readonly approvals?: readonly string[] | undefined;
  readonly status?: SagaStatus | undefined;
  readonly reason?: string | undefined;
  readonly result?: unknown;
  /** Fields of the state; others may have any value. */
  readonly state?: Readonly<Record<string, unknown>> | undefined;
}

/**
 * A test of a saga in the words of its domain: given this, when that happens, then these commands, timers, approvals.
 * Nothing is stored or sent, but everything passes through JSON as in earnest.
 *
 * ```ts
 * sagaScenario(Research)
 *   .given(new QuestionAsked('r-1', 'Why?'))
 *   .when(causes('plan', new ResearchPlanned('r-1', ['a', 'b'])))
 *   .thenExpect({ steps: ['search/a', 'search/b'], status: 'running' });
 * ```
 *
 * @param target a class with `@Saga`, or a definition as `saga` builds it
 * @param key of the instance. Default: as the first event that starts it says
 */
export const sagaScenario = (target: Class | SagaDefinition, key?: string): SagaScenario => {
  const definition = definitionsOf(target).find(isSaga);
  if (definition === undefined) {
    throw new ConfigurationError(`${target.name} is no saga: add @Saga({ name: '…' }), or use saga.`);
  }
  return new SagaScenario(definition, key, []);
};

/** A scenario that is being told. Each step makes a new one, so beginnings can be shared. */
export class SagaScenario {
  readonly #definition: SagaDefinition;
  readonly #key: string | undefined;
  readonly #given: readonly (Happening | object)[];

  constructor(definition: SagaDefinition, key: string | undefined, given: readonly (Happening | object)[]) {
    this.#definition = definition;
    this.#key = key;
    this.#given = given;
  }

  /** What has happened before, in order: events, and what {@link causes} and its kin make. */
  given(...happenings: readonly (Happening | object)[]): SagaScenario {
    return new SagaScenario(this.#definition, this.#key, [...this.#given, ...happenings]);
  }

  /** What happens now. @throws what the saga's handler throws */
  when(happens: Happening | object): SagaOutcome {
    const { behaviour } = this.#definition;
    const schema = schemaOf(this.#definition);
    let instance: SagaInstance | undefined;
    let events: readonly SagaEvent[] = [];
    for (const [index, next] of [...this.#given, happens].entries()) {
      const world = worldOf(schema, behaviour.starts, index, instance?.stream);
      instance ??= this.#begin(next, world);
      const now = instance;
      const inputs: readonly SagaInput[] = isHappening(next)
        ? next.inputs(now, world)
        : [eventInput(world.record(next), world)];
      events = inputs.flatMap((input, part) =>
        transition(behaviour, now, input, {
          id: deterministicId(namespace, `${index}.${part}`),
          at: recordedAt,
          metadata: {},
        }),
      );
    }
    return new SagaOutcome(instance, events);
  }

  #begin(first: Happening | object, world: World): SagaInstance {
    const { name, behaviour } = this.#definition;
    const event = isHappening(first) ? undefined : world.record(first);
    const key = this.#key ?? (event === undefined ? undefined : behaviour.starts.get(event.type)?.key(event));
    if (key === undefined) {
      return assert.fail(
        `A scenario of saga "${name}" begins with an event that starts it: ${[...world.starts].join(', ')}.`,
      );
    }
    return emptyInstance(name, key, instanceStream(name, key));
  }
}

/** What came of a happening. */
export class SagaOutcome {
  readonly #instance: SagaInstance | undefined;
  readonly #events: readonly SagaEvent[];

  constructor(instance: SagaInstance | undefined, events: readonly SagaEvent[]) {
    this.#instance = instance;
    this.#events = events;
  }

  /** @throws {AssertionError} with the differences: `+` is what was there, `-` is what was expected */
  thenExpect(expected: ExpectedOfSaga): void {
    const actual = this.#actual();
    const compared: Record<string, unknown> = {};
    const wanted: Record<string, unknown> = {};
    for (const [aspect, value] of Object.entries(expected)) {
      if (value === undefined) continue;
      wanted[aspect] = aspect === 'commands' || aspect === 'inverses' ? asCommands(value) : value;
      compared[aspect] = aspect === 'state' ? picked(actual.state, value) : Reflect.get(actual, aspect);
    }
    assert.deepStrictEqual(compared, wanted);
  }

  /** Expects that the saga does not care. */
  thenNothing(): void {
    assert.deepStrictEqual(
      this.#events.map(({ kind }) => kind),
      [],
      'The saga reacted, but nothing was expected.',
    );
  }

  #actual(): Required<Record<keyof ExpectedOfSaga, unknown>> {
    const instance = this.#instance ?? assert.fail('Nothing happened.');
    const requested = this.#events.flatMap((event) => (event.kind === 'step-requested' ? [event.data] : []));
    const again = this.#events.flatMap((event) =>
      event.kind === 'retry-due' ? [instance.steps.get(event.data.step)] : [],
    );
    return {
      commands: [...requested, ...again].flatMap((step) => step?.command ?? []),
      steps: requested.map(({ step }) => step),
      inverses: pendingUndo(instance).flatMap(({ inverse }) => inverse ?? []),
      timers: [...instance.timers.keys()],
      approvals: [...instance.approvals.keys()],
      status: statusOf(instance),
      reason: instance.reason,
      result: instance.result,
      state: Object.fromEntries(
        [...instance.fields].map(([field, text]) => [field, JSON.parse(text) as unknown]),
      ),
    };
  }
}

const namespace = '5a6a0000-0000-4000-8000-000000000000';
const recordedAt = new Date('2026-01-01T00:00:00Z');

const isSaga = (definition: Definition): definition is SagaDefinition => definition.kind === 'saga';
const isHappening = (value: object): value is Happening =>
  'inputs' in value && typeof value.inputs === 'function';

const asCommands = (commands: unknown): unknown =>
  Array.isArray(commands) ? commands.map((command: object) => commandOf(command)) : commands;

const picked = (state: unknown, fields: unknown): unknown =>
  Object.fromEntries(
    Object.keys(Object(fields)).map((field) => [field, Reflect.get(Object(state), field) as unknown]),
  );

const eventInput = (event: RecordedEvent, { starts }: World): SagaInput => ({
  kind: 'event',
  event,
  start: starts.has(event.type),
});

const schemaOf = ({ messages }: SagaDefinition): Schema => {
  const schema = new Schema();
  for (const message of messages) schema.register(message);
  schema.seal();
  return schema;
};

const worldOf = (
  schema: Schema,
  starts: ReadonlyMap<string, unknown>,
  index: number,
  stream: string | undefined,
): World => ({
  starts: new Set(starts.keys()),
  record(event, step) {
    const { type, schemaVersion = 1, data } = schema.toEvent(event, {});
    const stored: RecordedEvent = {
      id: deterministicId(namespace, String(index)),
      stream: 'given',
      version: index,
      position: BigInt(index + 1),
      type,
      schemaVersion,
      data: toJson(data, 'data'),
      metadata: step === undefined ? {} : { sagaId: stream, sagaStep: step.id, sagaAttempt: step.attempt },
      recordedAt,
    };
    return schema.readOne(stored)[0] ?? stored;
  },
});
