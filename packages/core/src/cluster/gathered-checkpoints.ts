import type {
  Checkpoint,
  CheckpointMove,
  CheckpointRefusal,
  CheckpointStore,
} from '../backend/checkpoints.js';
import type { Lease } from '../backend/leases.js';
import { toError } from '../recovery/thrown.js';

interface Waiting {
  readonly move: CheckpointMove;
  readonly settle: (refusal: CheckpointRefusal | Error) => void;
}

/**
 * Checkpoints whose moves go out together: those of all segments of all processors that are asked for while a round trip is under
 * way, or in one turn, become one.
 */
export class GatheredCheckpoints implements CheckpointStore {
  readonly #store: CheckpointStore;
  #waiting: Waiting[] = [];
  #isSending = false;

  constructor(store: CheckpointStore) {
    this.#store = store;
  }

  load(processor: string, segment?: number): Promise<Checkpoint | undefined> {
    return this.#store.load(processor, segment);
  }

  list(processor?: string): Promise<readonly Checkpoint[]> {
    return this.#store.list(processor);
  }

  move(move: CheckpointMove): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({
        move,
        settle: (refusal) => (refusal === undefined ? resolve() : reject(refusal)),
      });
      if (this.#isSending) return;
      this.#isSending = true;
      setImmediate(() => void this.#send());
    });
  }

  moveAll(moves: readonly CheckpointMove[]): Promise<readonly CheckpointRefusal[]> {
    return this.#store.moveAll(moves);
  }

  remove(checkpoint: Checkpoint, lease?: Lease): Promise<void> {
    return this.#store.remove(checkpoint, lease);
  }

  reset(processor: string): Promise<void> {
    return this.#store.reset(processor);
  }

  async #send(): Promise<void> {
    while (this.#waiting.length > 0) {
      const sent = this.#waiting;
      this.#waiting = [];
      try {
        const refusals = await this.#store.moveAll(sent.map(({ move }) => move));
        for (const [index, { settle }] of sent.entries()) settle(refusals[index]);
      } catch (thrown) {
        for (const { settle } of sent) settle(toError(thrown));
      }
    }
    this.#isSending = false;
  }
}
