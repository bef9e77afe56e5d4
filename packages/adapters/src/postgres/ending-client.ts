import { Client } from 'pg';

/** How long the server may take to answer a goodbye, in milliseconds. */
const goodbyeMs = 1_000;

/**
 * A client whose end does not depend on the network: where nothing comes back, `pg` would wait for as long as the operating
 * system repeats what is not acknowledged, which is a quarter of an hour on Linux, and keep the process alive for it.
 */
export class EndingClient extends Client {
  override end(): Promise<void>;
  override end(callback: (error: Error) => void): void;
  override end(callback?: (error: Error) => void): Promise<void> | void {
    const timer = setTimeout(() => this.connection.stream.destroy(), goodbyeMs);
    // The socket keeps the process alive, where there is one.
    timer.unref();
    this.once('end', () => clearTimeout(timer));
    return callback === undefined ? super.end() : super.end(callback);
  }
}
