import type { Backend } from '../backend/backend.js';
import type { DocumentStore } from '../backend/documents.js';

/** The collection of all wishes, by processor. */
const collection = 'tidemark.divisions';

/** How many segments each processor is to have, as all nodes see it, whatever their own definitions say. */
export class Divisions {
  readonly #backend: Backend;
  #ensuring: Promise<void> | undefined;

  constructor(backend: Backend) {
    this.#backend = backend;
  }

  /** The numbers that were set, by processor. */
  async load(processors: readonly string[]): Promise<ReadonlyMap<string, number>> {
    await this.#ensure();
    const documents = await this.#backend.documents.load(collection, processors);
    // Only this class writes the collection.
    return new Map(
      [...documents].map(([processor, document]) => [processor, (document as { segments: number }).segments]),
    );
  }

  /** Sets the number of a processor. */
  async set(processor: string, segments: number, documents?: DocumentStore): Promise<void> {
    if (documents === undefined) await this.#ensure();
    await (documents ?? this.#backend.documents).write(collection, [
      { key: processor, document: { segments } },
    ]);
  }

  #ensure(): Promise<void> {
    this.#ensuring ??= this.#backend.documents
      .ensure({ name: collection, indexes: [] })
      .catch((error: unknown) => {
        this.#ensuring = undefined;
        throw error;
      });
    return this.#ensuring;
  }
}
