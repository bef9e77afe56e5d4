import {
  StreamTombstonedError,
  deterministicId,
  TidemarkError,
  ValidationError,
  type Clock,
  type CommandBus,
  type CommandResult,
  type HandlerContext,
  type RecordedEvent,
} from '@tidemark/core';
import { commandId, inverseId, pendingUndo } from '../model/compensation.js';
import type { AttemptRef, RecordedCommand, SagaEvent, StepResult } from '../model/events.js';
import { toJson } from '../model/message-refs.js';
import type { SagaBehaviour } from '../model/saga-definition.js';
import type { SagaInput } from '../model/transition.js';
import { InFlight } from './in-flight.js';
import type { Instances, InputSource } from './instances.js';
import { inputIdOf, timerRow } from './timer-rows.js';
import type { TimerService } from './timer-service.js';

/** How long compensation waits for commands under way that do not heed their signal. */
const settleMs = 10_000;

/** A command that is due. */
interface DueCommand {
  readonly id: string;
  readonly command: RecordedCommand;
}

/**
 * Carries out what instances have decided, as it is read from their streams. Nothing is sent or scheduled that was not
 * recorded before; and as all ids come from what was recorded, it does not matter how often it is done.
 */
export class Effects {
  readonly #behaviour: SagaBehaviour;
  readonly #instances: Instances;
  readonly #commands: CommandBus;
  readonly #timers: TimerService;
  readonly #clock: Clock;
  readonly #inFlight = new InFlight();

  constructor(
    behaviour: SagaBehaviour,
    parts: {
      readonly instances: Instances;
      readonly commands: CommandBus;
      readonly timers: TimerService;
      readonly clock: Clock;
    },
  ) {
    this.#behaviour = behaviour;
    this.#instances = parts.instances;
    this.#commands = parts.commands;
    this.#timers = parts.timers;
    this.#clock = parts.clock;
  }

  /** Gives an input to an instance, and tidies up the timers that it made pointless. */
  async take(key: string, input: SagaInput, source: InputSource): Promise<number> {
    const { events, obsoleteTimers } = await this.#instances.take(this.#behaviour, key, input, source);
    await this.#timers.remove(obsoleteTimers);
    return events.length;
  }

  /** Does what an event of an instance's stream calls for. */
  async carryOut(
    key: string,
    event: SagaEvent,
    recorded: RecordedEvent,
    context: HandlerContext,
  ): Promise<void> {
    switch (event.kind) {
      case 'step-requested':
      case 'retry-due':
        await this.#schedule(key, event, recorded, context);
        return this.#sendStep(key, attemptOf(event), recorded, context);
      case 'attempt-failed':
      case 'inverse-failed':
      case 'timer-set':
      case 'approval-requested':
        return this.#schedule(key, event, recorded, context);
      case 'timer-fired':
        await this.take(key, { kind: 'timer-fired', timer: event.data.timer }, sourceOf(recorded, context));
        return;
      case 'deadline-passed':
        this.#inFlight.giveUp(recorded.stream, event.data.step);
        await this.take(key, { kind: 'deadline-passed', attempt: event.data }, sourceOf(recorded, context));
        return;
      case 'approval-decided': {
        const { approval, outcome, by, comment } = event.data;
        const decision = { approval, outcome, by, comment };
        await this.take(key, { kind: 'approval-decided', decision }, sourceOf(recorded, context));
        return;
      }
      case 'compensation-started':
      case 'inverse-retry-due':
      case 'compensation-retried':
        return this.#compensate(key, recorded, context);
      default:
    }
  }

  async #schedule(
    key: string,
    event: SagaEvent,
    recorded: RecordedEvent,
    context: HandlerContext,
  ): Promise<void> {
    const row = await this.#instances.look(this.#behaviour, key, recorded.version, (instance) =>
      instance.status === 'running' || instance.status === 'compensating'
        ? timerRow(instance, event, recorded.recordedAt, context.outgoing())
        : undefined,
    );
    if (row !== undefined) await this.#timers.schedule(row);
  }

  /** Sends the command of a step's attempt, if it is still wanted, and records what no event will tell. */
  async #sendStep(
    key: string,
    attempt: AttemptRef,
    recorded: RecordedEvent,
    context: HandlerContext,
  ): Promise<void> {
    const due = await this.#instances.look(this.#behaviour, key, recorded.version, (instance) => {
      const step = instance.steps.get(attempt.step);
      if (instance.status !== 'running' && instance.status !== 'completed') return undefined;
      if (step?.command === undefined || step.status !== 'open' || step.waiting) return undefined;
      if (step.attempt !== attempt.attempt) return undefined;
      return {
        id: commandId(step, attempt.attempt),
        command: step.command,
        completes: step.completedBy.length === 0 && instance.status === 'running',
      };
    });
    if (due === undefined) return;
    await this.#inFlight.run(recorded.stream, attempt.step, context.signal, async (signal) => {
      const outcome = await this.#send(due, recorded.stream, attempt, signal);
      if ('reason' in outcome) {
        const input = { kind: 'command-rejected', attempt, reason: outcome.reason } as const;
        await this.take(key, input, this.#outcomeSource(due.id, 'rejected', context));
      } else if (due.completes) {
        const { position } = outcome.result;
        const input = {
          kind: 'command-accepted',
          attempt,
          result: resultOf(outcome.result),
          position,
        } as const;
        await this.take(key, input, this.#outcomeSource(due.id, 'accepted', context));
      }
    });
  }

  /** Sends the inverses that are due, one after another, until none is left or one has to wait. */
  async #compensate(key: string, recorded: RecordedEvent, context: HandlerContext): Promise<void> {
    await this.#inFlight.settle(recorded.stream, this.#clock, settleMs);
    for (;;) {
      const due = await this.#instances.look(this.#behaviour, key, recorded.version, (instance) => {
        const [step] = pendingUndo(instance);
        if (instance.status !== 'compensating' || step?.undo === undefined || step.undo.waiting)
          return undefined;
        if (step.inverse === undefined) return undefined;
        const { round, attempt } = step.undo;
        return { id: inverseId(step, round, attempt), command: step.inverse, step: step.id, attempt };
      });
      if (due === undefined) return;
      const { id, step } = due;
      const outcome = await this.#send(due, recorded.stream, due, context.signal);
      const input: SagaInput =
        'reason' in outcome
          ? { kind: 'inverse-rejected', step, inverseId: id, reason: outcome.reason }
          : { kind: 'inverse-accepted', step, inverseId: id, position: outcome.result.position };
      await this.take(
        key,
        input,
        this.#outcomeSource(id, 'reason' in outcome ? 'rejected' : 'accepted', context),
      );
    }
  }

  async #send(
    due: DueCommand,
    stream: string,
    attempt: AttemptRef,
    signal: AbortSignal,
  ): Promise<{ readonly result: CommandResult } | { readonly reason: string }> {
    try {
      const metadata = { sagaId: stream, sagaStep: attempt.step, sagaAttempt: attempt.attempt };
      return { result: await this.#commands.send(due.command, { id: due.id, metadata, signal }) };
    } catch (error) {
      if (signal.aborted || !isRejection(error)) throw error;
      return { reason: error instanceof Error ? error.message : String(error) };
    }
  }

  #outcomeSource(id: string, outcome: string, context: HandlerContext): InputSource {
    return { id: deterministicId(id, outcome), at: this.#clock.now(), metadata: context.outgoing() };
  }
}

/** The input that an event is. */
export const sourceOf = (event: RecordedEvent, context: HandlerContext): InputSource => ({
  id: inputIdOf(event),
  at: event.recordedAt,
  metadata: context.outgoing(),
});

/**
 * Whether a command was refused for what it asks. Everything else that we throw ourselves tells of the surroundings,
 * such as a store that is away or a handler that is not registered: that is retried, and then shown by the health.
 */
const isRejection = (error: unknown): boolean =>
  !(error instanceof TidemarkError) ||
  error instanceof ValidationError ||
  error instanceof StreamTombstonedError;

const resultOf = ({ events, value }: CommandResult): StepResult => ({
  events: events.map(({ id, type }) => ({ id, type })),
  value: toJson(value, 'the value that the command of a saga step returned'),
});

const attemptOf = (event: Extract<SagaEvent, { kind: 'step-requested' | 'retry-due' }>): AttemptRef =>
  event.kind === 'retry-due'
    ? { step: event.data.step, attempt: event.data.attempt }
    : { step: event.data.step, attempt: 1 };
