import type { Composition } from '@tidemark/core';
import type { ProjectionDefinition } from './definition.js';
import { Projections } from './projections.js';

/** Makes a projection part of an application: what its definition does when it is registered. */
export const install = (definition: ProjectionDefinition, composition: Composition): void => {
  composition
    .service(Projections, () => {
      const projections = new Projections(composition);
      composition.addLifecycle(projections.lifecycle);
      return projections;
    })
    .add(definition);
};
