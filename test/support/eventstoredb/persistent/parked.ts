import { randomUUID } from 'node:crypto';
import type { EventLog } from '../event-log.js';
import { originalOf, type ResolvedEvent } from '../event-record.js';
import { resolve, visible } from '../log-reader.js';
import { metaStreamOf } from '../stream-settings.js';
import type { GroupKey } from './group-settings.js';

/** The events that a group has given up on, as links in a stream of their own, as in the real server. */
export class Parked {
  readonly #log: EventLog;
  readonly #stream: string;

  constructor(log: EventLog, { source, group }: GroupKey) {
    this.#log = log;
    this.#stream = `$persistentsubscription-${source}::${group}-parked`;
  }

  /** How many wait. */
  get count(): number {
    return visible(this.#log, this.#stream).length;
  }

  /** Parks an event. */
  add(resolved: ResolvedEvent, reason: string): void {
    const { revision, streamId } = originalOf(resolved);
    const metadata = Buffer.from(JSON.stringify({ added: new Date().toISOString(), reason }));
    const data = Buffer.from(`${revision}@${streamId}`);
    this.#log.append(this.#stream, 'any', [{ id: randomUUID(), type: '$>', isJson: false, data, metadata }]);
  }

  /** Takes out all events, or those before `stopAt`; links whose events are gone are left out. */
  takeAll(stopAt: bigint | undefined): readonly ResolvedEvent[] {
    const links = visible(this.#log, this.#stream).filter(
      ({ revision }) => stopAt === undefined || revision < stopAt,
    );
    const last = links.at(-1);
    if (last === undefined) return [];
    const data = Buffer.from(JSON.stringify({ $tb: Number(last.revision) + 1 }));
    const metadata = new Uint8Array();
    this.#log.append(metaStreamOf(this.#stream), 'any', [
      { id: randomUUID(), type: '$metadata', isJson: true, data, metadata },
    ]);
    return links.map((link) => resolve(this.#log, link, true)).filter(({ event }) => event !== undefined);
  }
}
