import { randomUUID } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import type { Backend } from '../../backend/backend.js';
import { within } from './patience.js';

/** A backend under test. It may be new for each rule, or shared by all: the rules use only names of their own. */
export interface BackendFixture {
  /** Opened. */
  readonly backend: Backend;
  /** Opens the same data a second time, as another process would. Default: races run within the one backend. */
  connect?(): Promise<Backend>;
  /** Lets so many milliseconds pass for the backend. Default: really waits. */
  elapse?(milliseconds: number): Promise<void>;
  /**
   * True where a transaction lets all other writes to the state wait until it is over, as with one connection for all.
   * Default: where the log is not shared either.
   */
  readonly oneWriter?: boolean | undefined;
  /** Called after each rule. */
  close(): Promise<void>;
}

/** One rule's go at a backend, with names of its own. */
export class BackendTrial {
  readonly backend: Backend;
  readonly #fixture: BackendFixture;
  readonly #patienceMs: number;
  readonly #prefix = `trial_${randomUUID().replaceAll('-', '')}`;
  readonly #opened: Backend[] = [];

  constructor(fixture: BackendFixture, patienceMs: number) {
    this.#fixture = fixture;
    this.backend = fixture.backend;
    this.#patienceMs = patienceMs;
  }

  /** A name that only this trial uses. */
  name(label = 'a'): string {
    return `${this.#prefix}-${label}`;
  }

  /** A collection of this trial's own, made ready. */
  async collection(...indexes: readonly string[]): Promise<string> {
    const name = this.name('documents');
    await this.backend.documents.ensure({ name, indexes });
    return name;
  }

  /** Another connection to the same data, or the same backend where the fixture has none. */
  async second(): Promise<Backend> {
    const backend = await this.#fixture.connect?.();
    if (backend === undefined) return this.backend;
    this.#opened.push(backend);
    return backend;
  }

  /** True where a transaction lets all other writes wait. */
  get oneWriter(): boolean {
    return this.#fixture.oneWriter ?? !this.backend.events.capabilities.shared;
  }

  /** Lets so many milliseconds pass for the backend; really waits where the fixture does not say how. */
  async elapse(milliseconds: number): Promise<void> {
    await (this.#fixture.elapse?.(milliseconds) ?? wait(milliseconds));
  }

  /** The outcome of what must not take for ever. */
  async soon<Result>(promise: Promise<Result>, what: string): Promise<Result> {
    return within(this.#patienceMs, promise, what);
  }

  /** Closes the backends that it opened, then the fixture. */
  async close(): Promise<void> {
    for (const backend of this.#opened) await backend.close();
    await this.#fixture.close();
  }
}
