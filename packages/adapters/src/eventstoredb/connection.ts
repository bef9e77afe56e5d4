import { setMaxListeners } from 'node:events';
import {
  ConfigurationError,
  RetrySchedule,
  sleep,
  StoreUnavailableError,
  systemClock,
  type Health,
  type RetryWaits,
} from '@tidemark/core';
import type { ClientCallOptions, EventStoreDbClient } from './client.js';
import { isOutage, missingPackage, storeError } from './errors.js';
import type { EventStoreDbOptions } from './options.js';
import { parseAddress, type ServerAddress } from './server-address.js';

/** Given where no user is needed, so that the client sends an append on its own instead of through the shared batch stream. */
const nobody = { username: 'nobody', password: '' };

/** Tries of one call, spread over the patience. */
class Tries {
  readonly #waits: RetryWaits = new RetrySchedule({ initialDelayMs: 50, maxDelayMs: 2_000 }).waits();
  readonly #until: number;

  constructor(patienceMs: number) {
    this.#until = Date.now() + patienceMs;
  }

  get over(): boolean {
    return Date.now() >= this.#until;
  }

  wait(signal: AbortSignal): Promise<void> {
    return sleep(systemClock, Math.min(this.#waits.next(), Math.max(0, this.#until - Date.now())), signal);
  }
}

/** The connection to the server: one client, its calls with their retries, and what is known of how well it goes. */
export class Connection {
  readonly #options: EventStoreDbOptions;
  readonly #address: ServerAddress | undefined;
  readonly #patienceMs: number;
  #client: EventStoreDbClient | undefined;
  #closing = new AbortController();
  #trouble: string | undefined;

  /** @throws {ConfigurationError} neither a connection string nor a client, both, or one that cannot be used */
  constructor(options: EventStoreDbOptions) {
    const { connectionString, client, patienceMs = 15_000 } = options;
    if ((connectionString === undefined) === (client === undefined)) {
      throw new ConfigurationError('eventStoreDb: give either a connectionString or a client.');
    }
    if (!Number.isFinite(patienceMs) || patienceMs < 0) {
      throw new ConfigurationError('eventStoreDb: patienceMs must be 0 or more milliseconds.');
    }
    this.#options = options;
    this.#patienceMs = patienceMs;
    this.#address = connectionString === undefined ? undefined : parseAddress(connectionString);
  }

  /** Hosts and ports, for messages. */
  get server(): string {
    return this.#address?.hosts ?? 'the client’s server';
  }

  /** Aborted when it is being closed. */
  get closing(): AbortSignal {
    return this.#closing.signal;
  }

  /** The user, for every call but appends. */
  get callOptions(): ClientCallOptions {
    const { credentials } = this.#options;
    return credentials === undefined ? {} : { credentials };
  }

  /** The user for appends: where one is given with the call, the client sends it on its own. */
  get appendOptions(): ClientCallOptions {
    if (this.#options.batchAppend === true) return this.callOptions;
    const credentials =
      this.#options.credentials ??
      this.#address?.credentials ??
      (this.#address?.secure === false ? nobody : undefined);
    return credentials === undefined ? {} : { credentials };
  }

  health(): Health {
    return this.#trouble === undefined
      ? { status: 'up', reasons: [] }
      : { status: 'down', reasons: [this.#trouble] };
  }

  async open(): Promise<void> {
    this.#closing = new AbortController();
    // Every read that is under way listens to it.
    setMaxListeners(0, this.#closing.signal);
    this.#client = this.#options.client ?? (await this.#connect(this.#options.connectionString ?? ''));
  }

  async close(): Promise<void> {
    const client = this.#client;
    this.#client = undefined;
    this.#trouble = undefined;
    this.#closing.abort();
    await client?.dispose();
  }

  /** @throws {StoreUnavailableError} it is closed, or was never opened */
  get client(): EventStoreDbClient {
    if (this.#client !== undefined) return this.#client;
    throw new StoreUnavailableError('The EventStoreDB backend is closed: open it before it is used.');
  }

  /**
   * Makes a call that may be repeated, again while the server is away, as long as the patience lasts.
   *
   * @param what it does, for the error
   * @throws {StoreUnavailableError} the server was away for too long
   */
  async call<Result>(
    what: string,
    work: (client: EventStoreDbClient) => Promise<Result>,
    signal?: AbortSignal,
  ): Promise<Result> {
    const tries = this.tries();
    for (;;) {
      signal?.throwIfAborted();
      try {
        return await this.once(work);
      } catch (error) {
        signal?.throwIfAborted();
        if (!isOutage(error) || tries.over) throw this.error(error, what);
        await tries.wait(this.closing);
      }
    }
  }

  tries(): Tries {
    return new Tries(this.#patienceMs);
  }

  /** Makes a call once. Errors are the client's own. */
  async once<Result>(work: (client: EventStoreDbClient) => Promise<Result>): Promise<Result> {
    const { client } = this;
    try {
      const result = await work(client);
      this.#trouble = undefined;
      return result;
    } catch (error) {
      // Closed meanwhile: that is why.
      void this.client;
      this.note(error);
      throw error;
    }
  }

  /** Keeps in mind how well it goes. */
  note(error: unknown): void {
    this.#trouble = isOutage(error) ? this.error(error, 'a call').message : undefined;
  }

  error(error: unknown, what: string): Error {
    return storeError(error, this.server, what);
  }

  async #connect(connectionString: string): Promise<EventStoreDbClient> {
    const { EventStoreDBClient } = await load();
    try {
      return EventStoreDBClient.connectionString(connectionString);
    } catch (error) {
      // The client's own message quotes the connection string, and a password in it.
      const missing = error instanceof Error && /certificate/i.test(error.message) ? ` ${error.message}` : '';
      throw new ConfigurationError(
        `eventStoreDb: the client cannot use the connection string for ${this.server}.${missing} Check its settings and the files that they name.`,
      );
    }
  }
}

const load = async (): Promise<typeof import('@eventstore/db-client')> => {
  try {
    const module = await import('@eventstore/db-client');
    return 'EventStoreDBClient' in module ? module : Reflect.get(module, 'default');
  } catch (cause) {
    throw missingPackage(cause);
  }
};
