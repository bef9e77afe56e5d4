import { newId, type NewEvent } from '@tidemark/core';

/** An event as the map keeps it: data and metadata are text, so that nobody changes what another reads. */
interface Stored {
  readonly position: number;
  readonly stream: string;
  readonly version: number;
  readonly id: string;
  readonly type: string;
  readonly schemaVersion: number;
  readonly data: string;
  readonly metadata: string;
  readonly recordedAt: Date;
}

/** An event as read from it. */
export interface MapEvent extends Omit<Stored, 'data' | 'metadata'> {
  readonly data: unknown;
  readonly metadata: unknown;
}

/** An event log in memory as it is written by hand: a map of arrays and one array of all. */
export class MapLog {
  readonly #streams = new Map<string, Stored[]>();
  readonly #all: Stored[] = [];

  get size(): number {
    return this.#all.length;
  }

  /** Asynchronous as any store is, whoever stands behind it. */
  async append(stream: string, expectedVersion: number, events: readonly NewEvent[]): Promise<number> {
    let stored = this.#streams.get(stream);
    if (stored === undefined) {
      stored = [];
      this.#streams.set(stream, stored);
    }
    if (stored.length - 1 !== expectedVersion) throw new Error(`${stream} is at ${stored.length - 1}`);
    const texts = events.map(
      ({ data, metadata }) => [JSON.stringify(data), JSON.stringify(metadata)] as const,
    );
    const recordedAt = new Date();
    for (const [index, { type, schemaVersion = 1 }] of events.entries()) {
      const [data = '', metadata = ''] = texts[index] ?? [];
      const event = {
        position: this.#all.length + 1,
        stream,
        version: stored.length,
        id: newId(),
        type,
        schemaVersion,
        data,
        metadata,
        recordedAt,
      };
      stored.push(event);
      this.#all.push(event);
    }
    return this.#all.length;
  }

  /** The next so many events of the log, or those of a type among them, decoded. */
  async page(after: number, size: number, type?: string): Promise<readonly MapEvent[]> {
    const page = this.#all.slice(after, after + size);
    return (type === undefined ? page : page.filter((event) => event.type === type)).map(decoded);
  }

  /** A whole stream, decoded. */
  async stream(name: string): Promise<readonly MapEvent[]> {
    return (this.#streams.get(name) ?? []).map(decoded);
  }
}

const decoded = (event: Stored): MapEvent => ({
  position: event.position,
  stream: event.stream,
  version: event.version,
  id: event.id,
  type: event.type,
  schemaVersion: event.schemaVersion,
  data: JSON.parse(event.data),
  metadata: JSON.parse(event.metadata),
  recordedAt: event.recordedAt,
});
