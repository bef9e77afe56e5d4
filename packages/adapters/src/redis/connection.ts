import { setTimeout as wait } from 'node:timers/promises';
import type { Counters } from './counters.js';
import type { RedisClient } from './redis-options.js';

/** Options of {@link Connection}. */
export interface ConnectionOptions {
  /** Makes a client that was not connected yet. */
  readonly client: () => RedisClient;
  readonly counters: Counters;
  /** What must not be in any message. */
  readonly secrets: readonly string[];
}

/** What came of an attempt; `undefined` if it failed. */
export type Attempt<Result> = { readonly result: Result } | undefined;

/**
 * One connection to Redis, or to each node of a cluster. It connects again and again by itself, and nothing about it throws:
 * what cannot be done now fails now, and {@link troubles} says why.
 *
 * A command that was not answered in time ends the connection: one that hangs would keep all that is sent to it in memory.
 */
export class Connection {
  readonly #options: ConnectionOptions;
  /** The last failure of each kind of work, and of connecting, and when it was. */
  readonly #troubles = new Map<string, { readonly text: string; readonly at: number }>();
  #client: RedisClient | undefined;
  /** The client, while its connection is being ended because it hangs. */
  #ending: RedisClient | undefined;

  constructor(options: ConnectionOptions) {
    this.#options = options;
  }

  /** True while commands can be sent. */
  get ready(): boolean {
    return this.#client?.status === 'ready';
  }

  /**
   * Why something does not work, or did not when it was last tried; empty if everything does. What nobody tried for a while
   * counts no more, since nobody would notice when it works again.
   */
  get troubles(): readonly string[] {
    const since = performance.now() - countsForMs;
    const counting = [...this.#troubles].filter(([kind, { at }]) => kind === connecting || at > since);
    return [...new Set(counting.map(([, { text }]) => text))];
  }

  open(): void {
    if (this.#client !== undefined) return;
    const { counters } = this.#options;
    const client = this.#options.client();
    this.#client = client;
    this.#set(connecting, 'it is being connected to');
    let established = false;
    // An error that nobody listens to would end the process.
    client.on('error', (error) => this.#note(connecting, error));
    client.on('ready', () => {
      if (established) counters.reconnects += 1;
      established = true;
      this.#troubles.delete(connecting);
    });
    client.on('close', () => {
      this.#ending = undefined;
      if (this.#client === client && !this.#troubles.has(connecting)) {
        this.#set(connecting, 'the connection was lost');
      }
    });
    client.connect().catch((error: unknown) => this.#note(connecting, error));
  }

  close(): void {
    this.#client?.disconnect();
    this.#client = undefined;
    this.#troubles.clear();
  }

  /**
   * Sends what `work` sends, if it can be sent.
   *
   * @param kind of work, under which the next success of its kind makes good a failure
   */
  async attempt<Result>(
    kind: string,
    work: (client: RedisClient) => Promise<Result>,
  ): Promise<Attempt<Result>> {
    const client = this.#client;
    if (client?.status !== 'ready') return undefined;
    try {
      const result = await work(client);
      if (this.#client === client) this.#troubles.delete(kind);
      return { result };
    } catch (error) {
      if (this.#client !== client) return undefined;
      this.#options.counters.errors += 1;
      if (isConnectionError(error)) {
        this.#note(connecting, error);
        if (isTimeout(error) && this.#ending !== client) {
          this.#ending = client;
          client.disconnect(true);
        }
      } else {
        this.#note(kind, error);
      }
      return undefined;
    }
  }

  /** Waits until commands can be sent, or the signal. */
  async untilReady(signal: AbortSignal): Promise<void> {
    while (!this.ready && !signal.aborted) {
      await wait(lookAgainMs, undefined, { signal }).catch(() => undefined);
    }
  }

  #note(kind: string, error: unknown): void {
    if (this.#client === undefined) return;
    const message = messageOf(error, this.#options.secrets);
    this.#set(kind, kind === connecting ? message : `${message} (${kind})`);
  }

  #set(kind: string, text: string): void {
    this.#troubles.set(kind, { text, at: performance.now() });
  }
}

const connecting = 'connecting';
const lookAgainMs = 20;
const countsForMs = 30_000;

/** Errors come from the system, too, and are then not always `instanceof` this realm's Error. */
const textOf = (error: unknown): string | undefined =>
  typeof error === 'object' && error !== null && 'message' in error && typeof error.message === 'string'
    ? error.message
    : undefined;

const isTimeout = (error: unknown): boolean => textOf(error) === 'Command timed out';

/** What Redis says of a command begins with a word in capitals; everything else is about the connection. */
const isConnectionError = (error: unknown): boolean => !/^[A-Z]{2,} /.test(textOf(error) ?? '');

/**
 * Why something failed, without secrets. The errors of ioredis carry the command that failed with all its arguments, the
 * password among them: only their message is passed on.
 */
export const messageOf = (error: unknown, secrets: readonly string[]): string => {
  const text = textOf(error);
  const message =
    text === '' && typeof error === 'object' && error !== null && 'code' in error ? String(error.code) : text;
  return secrets
    .filter((secret) => secret !== '')
    .reduce((cleaned, secret) => cleaned.replaceAll(secret, '…'), message ?? 'unknown error');
};
