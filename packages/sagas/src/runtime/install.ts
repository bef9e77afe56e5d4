import { deterministicId, type Composition, type Timer } from '@tidemark/core';
import type { SagaDefinition } from '../model/saga-definition.js';
import { Effects } from './effects.js';
import { listProcessor } from './instance-list.js';
import { Instances } from './instances.js';
import { sagaProcessor } from './saga-processor.js';
import { Sagas } from './sagas.js';
import { timerTarget, type TimerPayload } from './timer-rows.js';
import { TimerService } from './timer-service.js';

/** Makes a saga part of an application: its processor, its part of the list of instances, its timers. */
export const install = (definition: SagaDefinition, composition: Composition): void => {
  const { appends, backend, clock, commands } = composition;
  const instances = composition.service(Instances, () => new Instances(backend.events, undefined, appends));
  composition
    .service(Sagas, () => {
      const sagas = new Sagas(backend, clock, instances);
      composition.addLifecycle(sagas);
      return sagas;
    })
    .add(definition);
  const timers = composition.service(TimerService, () => {
    const service = new TimerService(backend.timers, clock);
    composition.addLifecycle(service);
    return service;
  });
  const effects = new Effects(definition.behaviour, { instances, commands, timers, clock });
  timers.handle(timerTarget(definition.name), async (timer) => {
    const { key, input, metadata } = payloadOf(timer);
    // Recorded first: the saga's processor reacts when it reads that the time has come.
    await effects.take(key, input, {
      id: deterministicId(timer.id, 'due'),
      at: timer.dueAt,
      metadata,
    });
  });
  composition.addProcessor(sagaProcessor(definition, effects));
  composition.addProcessor(listProcessor(definition));
};

/** Rows of this target are written by `timerRow` alone. */
const payloadOf = (timer: Timer): TimerPayload => timer.payload as TimerPayload;
