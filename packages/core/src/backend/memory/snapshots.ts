import type { Codec } from '../../schema/codec.js';
import { checkStreamName } from '../../log/check-names.js';
import type { Snapshot, SnapshotStore } from '../snapshots.js';
import type { Writer } from './writer.js';

interface StoredSnapshot extends Omit<Snapshot, 'state'> {
  readonly state: string;
}

/** Snapshots as text by stream. They take no part in transactions. */
export class MemorySnapshotStore implements SnapshotStore {
  readonly #byStream = new Map<string, StoredSnapshot>();
  readonly #codec: Codec;
  readonly #writer: Writer;

  constructor(codec: Codec, writer: Writer) {
    this.#codec = codec;
    this.#writer = writer;
  }

  async load(stream: string): Promise<Snapshot | undefined> {
    this.#writer.checkUsable();
    const stored = this.#byStream.get(stream);
    return stored === undefined ? undefined : { ...stored, state: this.#codec.decode(stored.state) };
  }

  async save(snapshot: Snapshot): Promise<void> {
    checkStreamName(snapshot.stream);
    const { stream, version, schemaVersion } = snapshot;
    const state = this.#codec.encode(snapshot.state, 'state');
    await this.#writer.write(() => {
      const present = this.#byStream.get(stream);
      if (present?.schemaVersion === schemaVersion && present.version > version) return;
      this.#byStream.set(stream, { stream, version, schemaVersion, state });
    });
  }

  async delete(stream: string): Promise<void> {
    await this.#writer.write(() => this.#byStream.delete(stream));
  }
}
