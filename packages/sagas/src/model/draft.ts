import { deterministicId, type Message, type Metadata, type RecordedEvent } from '@tidemark/core';
import { SagaHandlerError, SagaUsageError } from '../errors.js';
import { DraftContext } from './draft-context.js';
import type { ApprovalDecision, SagaEvent, SagaEventData, SagaEventKind, TransitionHead } from './events.js';
import { evolve, type SagaInstance, type StepInstance } from './instance.js';
import type { SagaBehaviour } from './saga-definition.js';
import { difference, applyPatch, hydrate } from './state.js';

/** What a draft is made from: the input's id, time and metadata. */
interface DraftInput {
  readonly id: string;
  readonly at: Date;
  readonly metadata: Metadata;
}

/**
 * A transition being made: collects the events, each taken into account at once, so that a handler sees what the one
 * before it decided; and runs the handlers on one state object, whose changes go into the first event.
 */
export class Draft {
  readonly behaviour: SagaBehaviour;
  readonly instance: SagaInstance;
  readonly #input: DraftInput;
  readonly #what: string;
  readonly #events: SagaEvent[] = [];
  #state: object | undefined;

  /** @param what the input in words, for the stream and for messages */
  constructor(behaviour: SagaBehaviour, instance: SagaInstance, input: DraftInput, what: string) {
    this.behaviour = behaviour;
    this.instance = instance;
    this.#input = input;
    this.#what = what;
  }

  get at(): Date {
    return this.#input.at;
  }

  get metadata(): Metadata {
    return this.#input.metadata;
  }

  /** Adds an event and takes it into account. */
  emit<Kind extends SagaEventKind>(kind: Kind, data: SagaEventData[Kind]): void {
    const head: TransitionHead =
      this.#events.length === 0 ? { input: { id: this.#input.id, what: this.#what } } : {};
    // The same input always gives the same ids, so whatever hangs on them is the same after a crash.
    const id = deterministicId(this.#input.id, `${this.instance.stream}#${this.#events.length}`);
    // TypeScript cannot see that a kind and its data belong together once they are generic.
    const event = { id, kind, data: { ...data, ...head } } as SagaEvent;
    this.#events.push(event);
    evolve(this.instance, event, this.#input.metadata);
  }

  handleStart(event: RecordedEvent): void {
    const handler = this.behaviour.starts.get(event.type);
    if (handler !== undefined)
      this.#run(handler.name, (state, saga) => handler.handle(state, messageOf(event), saga));
  }

  /** Runs the saga's handler for the type, if it has one. */
  handleEvent(event: RecordedEvent): void {
    const handler = this.behaviour.on.get(event.type);
    if (handler !== undefined)
      this.#run(handler.name, (state, saga) => handler.handle(state, messageOf(event), saga));
  }

  handleTimer(timer: string): void {
    const handler = this.behaviour.onTimer.get(timer);
    if (handler === undefined) throw this.#gone(`@OnTimer('${timer}')`);
    this.#run(handler.name, (state, saga) => handler.handle(state, saga));
  }

  handleApproval(decision: ApprovalDecision): void {
    const handler = this.behaviour.onApproval.get(decision.approval);
    if (handler === undefined) throw this.#gone(`@OnApproval('${decision.approval}')`);
    this.#run(handler.name, (state, saga) => handler.handle(state, decision, saga));
  }

  /** Runs the handler for the failed step, or compensates where there is none. */
  handleFailed(step: StepInstance): void {
    const handler = this.behaviour.onFailed.get(step.name);
    const { cause = 'handler', reason = '' } = step.failure ?? {};
    if (handler === undefined) {
      this.emit('compensation-started', { reason: `step "${step.id}" failed: ${reason}` });
      return;
    }
    const failure = { step: step.name, key: step.key, cause, reason, attempts: step.attempt };
    this.#run(handler.name, (state, saga) => handler.handle(state, failure, saga));
  }

  /** Runs the handler for the end of all steps of the name, if this was the last of them. */
  handleSettled({ name }: StepInstance): void {
    const handler = this.behaviour.onCompleted.get(name);
    if (handler === undefined || this.instance.status !== 'running') return;
    for (const step of this.instance.steps.values()) {
      if (step.name === name && step.status === 'open') return;
    }
    this.#run(handler.name, (state, saga) => handler.handle(state, saga));
  }

  /** The events of the transition; the first one records the input and the changed state. */
  finish(): readonly SagaEvent[] {
    const [head] = this.#events;
    if (head === undefined || this.#state === undefined) return this.#events;
    const patch = difference(this.behaviour.name, this.instance.fields, this.#state);
    if (patch === undefined) return this.#events;
    applyPatch(this.instance.fields, patch);
    this.#events[0] = { ...head, data: { ...head.data, state: patch } } as SagaEvent;
    return this.#events;
  }

  #run(handler: string, work: (state: object, saga: DraftContext) => unknown): void {
    try {
      this.#state ??= hydrate(this.behaviour.initialState(), this.instance.fields);
      const answer = work(this.#state, new DraftContext(this));
      if (answer instanceof Promise) {
        // Whatever becomes of it, it is not waited for; its error must not end the process.
        answer.catch(() => {});
        throw new SagaUsageError(
          'it returned a promise. A saga only decides, at once; work that takes time belongs into the command of a step.',
        );
      }
    } catch (error) {
      throw new SagaHandlerError(this.instance.saga, this.instance.key, handler, this.#what, error);
    }
  }

  #gone(handler: string): SagaHandlerError {
    return new SagaHandlerError(
      this.instance.saga,
      this.instance.key,
      handler,
      this.#what,
      new SagaUsageError(
        'the saga no longer has this handler, but an instance still needs it. Bring it back.',
      ),
    );
  }
}

const messageOf = ({ type, data }: RecordedEvent): Message => ({ type, data });
