import MiniSearch from 'minisearch';
import { passagesOf, type Passage } from './passages.js';
import type { Document } from './read-documents.js';
import { term } from './terms.js';

/** A heading with the file that it is in. */
export interface Topic {
  readonly heading: string;
  readonly file: string;
}

/** What the library has on a question, for whoever plans. */
export interface Overview {
  readonly documents: readonly string[];
  /** Headings with the most to say on the question, the best first. */
  readonly topics: readonly Topic[];
}

/** All passages of the documents, searchable by words: BM25, by MiniSearch. The same search always finds the same. */
export class Library {
  readonly #passages: readonly Passage[];
  readonly #files: readonly string[];
  readonly #index = new MiniSearch<Passage & { readonly id: number }>({
    fields: ['heading', 'text'],
    processTerm: (word) => term(word) ?? null,
  });

  constructor(documents: readonly Document[]) {
    this.#files = documents.map(({ name }) => name);
    this.#passages = documents.flatMap(passagesOf);
    this.#index.addAll(this.#passages.map((passage, id) => ({ ...passage, id })));
  }

  get size(): number {
    return this.#passages.length;
  }

  /**
   * The passages that fit the query best, the best first.
   *
   * @param limit most passages
   */
  search(query: string, limit: number): readonly Passage[] {
    return this.#index
      .search(query, { boost: { heading: 1.5 } })
      .toSorted((one, other) => other.score - one.score || Number(one.id) - Number(other.id))
      .slice(0, limit)
      .flatMap(({ id }) => this.#passages[Number(id)] ?? []);
  }

  overview(question: string): Overview {
    const topics = new Map<string, Topic>();
    for (const { heading, file } of this.search(question, 40)) {
      if (heading !== '' && !topics.has(heading)) topics.set(heading, { heading, file });
    }
    return { documents: this.#files, topics: [...topics.values()].slice(0, 8) };
  }
}
