import { once } from 'node:events';
import { Worker } from 'node:worker_threads';

/** Which side of which group a thread prepares and runs. */
export interface SideChoice {
  readonly benchmark: string;
  readonly scale: number;
  readonly peers: boolean;
  /** Index of the group. */
  readonly group: number;
  readonly side: 'ours' | 'bare';
}

/** What a thread answers to each request: to run a case by its index, or -1 to close. */
export type SideAnswer = { readonly rate: number } | { readonly error: unknown };

/**
 * One side in a thread of its own, so that neither pays for the other: each has its own heap, its own compiled code, and its
 * own hooks. (Who uses AsyncLocalStorage, as we do, makes every promise of its thread dearer on Node 20.)
 */
export class SideThread {
  readonly #worker: Worker;

  private constructor(worker: Worker) {
    this.#worker = worker;
  }

  /** Starts the thread; settles when the side is prepared. */
  static async start(choice: SideChoice): Promise<SideThread> {
    const thread = new SideThread(
      new Worker(new URL('side-thread.ts', import.meta.url), { workerData: choice }),
    );
    await thread.#answer();
    return thread;
  }

  /** Runs a case once and says how many units a second it did. */
  async run(index: number): Promise<number> {
    this.#worker.postMessage(index, []);
    return this.#answer();
  }

  async close(): Promise<void> {
    try {
      this.#worker.postMessage(-1, []);
      await this.#answer();
    } finally {
      await this.#worker.terminate();
    }
  }

  async #answer(): Promise<number> {
    const [answer] = (await once(this.#worker, 'message')) as [SideAnswer];
    if ('error' in answer) throw answer.error;
    return answer.rate;
  }
}
