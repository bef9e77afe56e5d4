import { jsonCodec, type ServiceScope } from '@tidemark/core';
import type { DocumentProjectionDefinition } from '../definition.js';
import { generationName } from '../generations/switch-row.js';
import type { ModelStorage } from '../storage.js';
import { DocumentFold, roundTripOf } from './document-fold.js';

/** Generations as collections of documents: `board@2`. A batch is one load, one fold and one write. */
export const documentStorage = (
  definition: DocumentProjectionDefinition,
  services: ServiceScope,
): ModelStorage => {
  const { name, indexes } = definition;
  const collection = (generation: number): string => generationName(name, generation);
  let made: DocumentFold | undefined;
  const foldOf = (): DocumentFold => {
    made ??= new DocumentFold(name, definition.handlers(services), roundTripOf(jsonCodec));
    return made;
  };
  return {
    create: (tx, generation) => tx.documents.ensure({ name: collection(generation), indexes }),
    refresh: (tx, generation) => tx.documents.ensure({ name: collection(generation), indexes }),
    activate: async () => {
      // Readers ask for the active generation by its number.
    },
    drop: (tx, generation) => tx.documents.drop(collection(generation)),
    keys: (events) => foldOf().plan(events).keys,
    async write(tx, generation, events) {
      const fold = foldOf();
      const plan = fold.plan(events);
      if (plan.keys.length === 0) return;
      const changes = fold.apply(plan, await tx.documents.load(collection(generation), plan.keys));
      if (changes.length > 0) await tx.documents.write(collection(generation), changes);
    },
  };
};
