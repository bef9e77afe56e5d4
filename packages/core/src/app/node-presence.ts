import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import type { Backend } from '../backend/backend.js';
import type { AnnouncedNode } from '../backend/nodes.js';
import type { Clock } from '../clock.js';
import { checkName } from '../log/check-names.js';
import { describeError, toError } from '../recovery/thrown.js';
import type { Health } from './health.js';

/** How this process presents itself to the others that run the application. */
export interface NodeOptions {
  /** For people. Default: the name of the host. */
  readonly name?: string | undefined;
  /** Where others reach it, e.g. `http://10.0.0.7:3000`. Default: none. */
  readonly address?: string | undefined;
  /** Version of the application, so that a rolling deployment can be watched. Default: none. */
  readonly version?: string | undefined;
}

/** How often a node says that it is alive within the time for which its word holds: two words may be lost. */
const beats = 3;

/**
 * The presence of this process among those that run the application: it announces itself while the application runs, and
 * withdraws when it stops. Each start is another node.
 *
 * On a backend that only this process can use there is nobody to announce it to, and it is just itself.
 */
export class NodePresence {
  readonly #backend: Backend;
  readonly #clock: Clock;
  readonly #options: NodeOptions;
  readonly #ttlMs: number;
  #node: AnnouncedNode | undefined;
  #cancelBeat: (() => void) | undefined;
  #beating: Promise<void> | undefined;
  #trouble: string | undefined;

  /**
   * @param ttlMs how long it counts as alive when it says nothing more, in milliseconds
   * @throws {InvalidArgumentError} a text of the options is out of range
   */
  constructor(backend: Backend, clock: Clock, options: NodeOptions, ttlMs: number) {
    for (const [option, text] of Object.entries(options)) {
      if (text !== undefined) checkName(text, `node.${option}`, option === 'address' ? 500 : 200);
    }
    this.#backend = backend;
    this.#clock = clock;
    this.#options = options;
    this.#ttlMs = ttlMs;
  }

  /** This node, while it runs. */
  get node(): AnnouncedNode | undefined {
    return this.#node;
  }

  async start(): Promise<void> {
    const { name = hostname().slice(0, 200) || 'unnamed', address, version } = this.#options;
    this.#node = {
      id: randomUUID(),
      name,
      ...(version === undefined ? {} : { version }),
      ...(address === undefined ? {} : { address }),
      startedAt: this.#clock.now(),
    };
    if (!this.#backend.events.capabilities.shared) return;
    await this.#backend.nodes.announce(this.#node, this.#ttlMs);
    this.#schedule(this.#node);
  }

  /** Says at once which processors this node takes a share of. */
  async announce(processors: readonly string[]): Promise<void> {
    if (this.#node === undefined) return;
    this.#node = { ...this.#node, processors };
    await this.#backend.nodes.announce(this.#node, this.#ttlMs);
  }

  async stop(): Promise<void> {
    const node = this.#node;
    this.#node = undefined;
    this.#trouble = undefined;
    this.#cancelBeat?.();
    this.#cancelBeat = undefined;
    await this.#beating;
    if (node === undefined || !this.#backend.events.capabilities.shared) return;
    try {
      await this.#backend.nodes.withdraw(node.id);
    } catch {
      // The others see it end when its time is up: no reason for a stop to fail.
    }
  }

  /** The nodes that run the application now, this one among them while it does; the longest running first. */
  async list(): Promise<readonly AnnouncedNode[]> {
    if (this.#backend.events.capabilities.shared) return this.#backend.nodes.list();
    return this.#node === undefined ? [] : [this.#node];
  }

  health(): Health {
    if (this.#trouble === undefined) return { status: 'up', reasons: [] };
    return {
      status: 'degraded',
      reasons: [`Other nodes may not see this one: announcing it failed: ${this.#trouble}`],
    };
  }

  #schedule({ id }: AnnouncedNode): void {
    this.#cancelBeat = this.#clock.after(
      this.#ttlMs / beats,
      () => {
        this.#beating = this.#beat().finally(() => {
          this.#beating = undefined;
          if (this.#node?.id === id) this.#schedule(this.#node);
        });
      },
      { unref: true },
    );
  }

  async #beat(): Promise<void> {
    if (this.#node === undefined) return;
    try {
      await this.#backend.nodes.announce(this.#node, this.#ttlMs);
      this.#trouble = undefined;
    } catch (error) {
      this.#trouble = describeError(toError(error));
    }
  }
}
