import type { DocumentChange, RecordedEvent } from '@tidemark/core';
import type { DocumentHandler } from '../definition.js';
import { InvalidDocumentError, ProjectionHandlerError } from '../errors.js';
import { type RoundTrip, settled } from './settled.js';

/** One event for one document. */
interface FoldStep {
  readonly event: RecordedEvent;
  readonly handler: DocumentHandler;
  readonly key: string;
}

/** What a batch will do: its steps in log order, and the documents that they need. */
export interface FoldPlan {
  readonly steps: readonly FoldStep[];
  readonly keys: readonly string[];
}

/** A document while its batch is folded. */
interface Slot {
  /** What is stored, `undefined` if nothing is. */
  readonly stored: object | undefined;
  current: object | undefined;
  /** Whether `current` is frozen and exact, as a handler may see it. */
  isSettled: boolean;
}

/**
 * The pure heart of document projections: which documents a batch of events needs, and how it changes them.
 * Where one batch ends and the next begins makes no difference to any document.
 */
export class DocumentFold {
  readonly #projection: string;
  readonly #handlers: ReadonlyMap<string, DocumentHandler>;
  readonly #roundTrip: RoundTrip;

  /** @param roundTrip turns a document into what it would be after being stored and loaded */
  constructor(projection: string, handlers: readonly DocumentHandler[], roundTrip: RoundTrip) {
    this.#projection = projection;
    this.#handlers = new Map(handlers.map((handler) => [handler.type, handler]));
    this.#roundTrip = roundTrip;
  }

  /**
   * Finds the keys of a batch. Events without a handler have none.
   *
   * @param only plans for this document alone
   * @throws {ProjectionHandlerError} a key selector threw, or gave back what is no key
   */
  plan(events: readonly RecordedEvent[], only?: string): FoldPlan {
    const steps: FoldStep[] = [];
    const keys = new Set<string>();
    for (const event of events) {
      const handler = this.#handlers.get(event.type);
      if (handler === undefined) continue;
      for (const key of this.#keysOf(handler, event)) {
        if (only !== undefined && key !== only) continue;
        steps.push({ event, handler, key });
        keys.add(key);
      }
    }
    return { steps, keys: [...keys] };
  }

  /**
   * Folds a planned batch over the documents that are stored.
   *
   * @param loaded the stored documents among the plan's keys
   * @returns one change for each document that became another
   * @throws {ProjectionHandlerError} a handler threw, or gave back what is no document
   */
  apply(plan: FoldPlan, loaded: ReadonlyMap<string, unknown>): readonly DocumentChange[] {
    const slots = new Map<string, Slot>();
    for (const step of plan.steps) {
      let slot = slots.get(step.key);
      if (slot === undefined) {
        const stored = loaded.get(step.key);
        // Only objects are ever written, so what is there is one.
        const document =
          typeof stored === 'object' && stored !== null ? settled(stored, this.#roundTrip) : undefined;
        slot = { stored: document, current: document, isSettled: true };
        slots.set(step.key, slot);
      }
      try {
        this.#fold(step, slot);
      } catch (error) {
        throw new ProjectionHandlerError(this.#projection, step.event, step.key, error);
      }
    }
    const changes: DocumentChange[] = [];
    for (const [key, { stored, current }] of slots) {
      // Frozen documents cannot have changed in place, so the same object is the same document.
      if (current !== stored) changes.push({ key, document: current ?? null });
    }
    return changes;
  }

  #fold({ event, handler, key }: FoldStep, slot: Slot): void {
    if (!slot.isSettled && slot.current !== undefined) {
      slot.current = settled(slot.current, this.#roundTrip);
      slot.isSettled = true;
    }
    const next: unknown = handler.fold(event.data, slot.current, {
      projection: this.#projection,
      key,
      event,
    });
    if (next === undefined || next === slot.current) return;
    slot.current = next === null ? undefined : asDocument(next, handler.label);
    slot.isSettled = false;
  }

  #keysOf(handler: DocumentHandler, event: RecordedEvent): Iterable<string> {
    try {
      const found: unknown = handler.keys(event.data, event);
      if (found === undefined) return [];
      const keys = Array.isArray(found) ? new Set<unknown>(found) : [found];
      const checked: string[] = [];
      for (const key of keys) checked.push(asKey(key, handler.label));
      return checked;
    } catch (error) {
      throw new ProjectionHandlerError(this.#projection, event, undefined, error);
    }
  }
}

const asKey = (key: unknown, label: string): string => {
  if (typeof key === 'string' && key !== '' && key.length <= 500 && !key.includes('\0')) return key;
  throw new InvalidDocumentError(
    `the key that ${label} takes from it is ${describe(key)}, ` +
      'but keys are strings of 1 to 500 characters without NUL. Return a string, a list of strings, or undefined for no document.',
  );
};

const asDocument = (value: unknown, label: string): object => {
  if (typeof value === 'object' && value !== null && !('then' in value && typeof value.then === 'function')) {
    return value;
  }
  throw new InvalidDocumentError(
    `${label} gave back ${describe(value)}, but a document is an object. Return the next document, null to delete it, ` +
      'or undefined to leave it. Handlers of documents are pure and synchronous; use a table projection for anything else.',
  );
};

const describe = (value: unknown): string => {
  if (value === null) return 'null';
  if (value === '') return 'an empty string';
  if (typeof value === 'object') return 'then' in value ? 'a promise' : 'an object';
  return value === undefined ? 'undefined' : `a ${typeof value}`;
};

/** Turns documents into what they would be after being stored and loaded, by a codec's two halves. */
export const roundTripOf =
  (codec: { encode(value: unknown, where: string): string; decode(text: string): unknown }): RoundTrip =>
  (document) => {
    const decoded = codec.decode(codec.encode(document, 'document'));
    if (typeof decoded === 'object' && decoded !== null) return decoded;
    throw new InvalidDocumentError(
      `the document's toJSON gave back ${describe(decoded)}, but a document is an object.`,
    );
  };
