import type { ServiceScope } from '@tidemark/core';
import type { ProjectionDefinition } from '../definition.js';
import { documentStorage } from '../documents/document-storage.js';
import type { ModelStorage } from '../storage.js';
import { tableStorage } from '../tables/table-storage.js';

/** Where the generations of a projection live. */
export const storageOf = (definition: ProjectionDefinition, services: ServiceScope): ModelStorage => {
  switch (definition.model) {
    case 'documents':
      return documentStorage(definition, services);
    case 'tables':
      return tableStorage(definition, services);
    default:
      return definition satisfies never;
  }
};
