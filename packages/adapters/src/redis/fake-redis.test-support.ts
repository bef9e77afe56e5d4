import { Connection } from './connection.js';
import { noCounts, type Counters } from './counters.js';
import type { RedisClient } from './redis-options.js';

/** What a fake server does with a command. */
export type Answer = (command: string, args: readonly (string | number)[]) => Promise<unknown>;

/** A client that speaks to a function, and does as it is told. */
export class FakeClient implements RedisClient {
  status = 'wait';
  /** How often it was told to disconnect, and whether to connect again. */
  readonly disconnects: boolean[] = [];
  readonly #answer: Answer;
  readonly #listeners: (readonly [event: string, listener: (argument: unknown) => void])[] = [];

  constructor(answer: Answer) {
    this.#answer = answer;
  }

  async connect(): Promise<void> {
    this.status = 'ready';
    this.emit('ready');
  }

  disconnect(reconnect = false): void {
    this.disconnects.push(reconnect);
  }

  call(command: string, args: (string | number)[]): Promise<unknown> {
    return this.#answer(command, args);
  }

  pipeline(commands: string[][]): { exec(): Promise<[Error | null, unknown][]> } {
    return {
      exec: () =>
        Promise.all(
          commands.map(async ([command = '', ...args]): Promise<[Error | null, unknown]> => {
            try {
              return [null, await this.#answer(command, args)];
            } catch (error) {
              if (!(error instanceof Error)) throw error;
              return [error, undefined];
            }
          }),
        ),
    };
  }

  on(event: string, listener: (argument: unknown) => void): void {
    this.#listeners.push([event, listener]);
  }

  emit(event: string, argument?: unknown): void {
    for (const [name, listener] of this.#listeners) if (name === event) listener(argument);
  }
}

/** An open connection to such a server. */
export const fakeConnection = (
  answer: Answer,
  secrets: readonly string[] = [],
): { readonly connection: Connection; readonly client: FakeClient; readonly counters: Counters } => {
  const client = new FakeClient(answer);
  const counters = noCounts();
  const connection = new Connection({ client: () => client, counters, secrets });
  connection.open();
  return { connection, client, counters };
};
