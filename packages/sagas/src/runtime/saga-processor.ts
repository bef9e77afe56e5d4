import type { HandlerContext, ProcessorDefinition, RecordedEvent } from '@tidemark/core';
import { effectKinds, eventType, instanceKey, instanceStream, sagaEventOf } from '../model/events.js';
import type { SagaBehaviour, SagaDefinition } from '../model/saga-definition.js';
import { sourceOf, type Effects } from './effects.js';

/** Name of the processor that runs a saga. */
export const processorName = (saga: string): string => `saga:${saga}`;

/**
 * What follows the log for a saga: hands the events that it hears to its instances, and carries out what these decided.
 * The events of one instance are handled in order, the commands of its steps side by side.
 */
export const sagaProcessor = (definition: SagaDefinition, effects: Effects): ProcessorDefinition => {
  const { behaviour, name } = definition;
  const sending = new Set([eventType(name, 'step-requested'), eventType(name, 'retry-due')]);
  return {
    kind: 'processor',
    role: 'saga',
    name: processorName(name),
    definedAt: definition.definedAt,
    types: [...behaviour.hears, ...effectKinds.map((kind) => eventType(name, kind))],
    retry: definition.retry,
    messages: definition.messages,
    delivery: {
      mode: 'each',
      concurrency: definition.concurrency,
      key(event) {
        if (sending.has(event.type)) return `${event.stream}\0${event.id}`;
        const own = instanceKey(name, event.stream);
        if (own !== undefined) return event.stream;
        const [first] = targetsOf(behaviour, event);
        return first === undefined ? event.stream : instanceStream(name, first.key);
      },
      handle(event, context) {
        const key = instanceKey(name, event.stream);
        const own = key === undefined ? undefined : sagaEventOf(name, event);
        if (key !== undefined && own !== undefined) return effects.carryOut(key, own, event, context);
        const targets = targetsOf(behaviour, event);
        return targets.length === 0 ? undefined : takeAll(effects, targets, event, context);
      },
    },
  };
};

interface Target {
  readonly key: string;
  readonly start: boolean;
}

/** The instances that an event is for: the one that its keys name, and the one whose step caused it. */
const targetsOf = (behaviour: SagaBehaviour, event: RecordedEvent): readonly Target[] => {
  const targets = new Map<string, Target>();
  const add = (key: string | undefined, start: boolean): void => {
    if (key !== undefined && key !== '')
      targets.set(key, { key, start: start || targets.get(key)?.start === true });
  };
  const on = behaviour.on.get(event.type);
  add(on?.key?.(event), false);
  add(behaviour.starts.get(event.type)?.key(event), true);
  if (on?.key === undefined) add(instanceKey(behaviour.name, event.metadata.sagaId), false);
  return [...targets.values()];
};

const takeAll = async (
  effects: Effects,
  targets: readonly Target[],
  event: RecordedEvent,
  context: HandlerContext,
): Promise<void> => {
  for (const { key, start } of targets) {
    await effects.take(key, { kind: 'event', event, start }, sourceOf(event, context));
  }
};
