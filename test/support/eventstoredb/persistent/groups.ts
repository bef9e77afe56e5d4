import { status } from '@grpc/grpc-js';
import type { EventLog } from '../event-log.js';
import { groupError } from '../rpc-errors.js';
import { Group } from './group.js';
import type { GroupKey, GroupSettings } from './group-settings.js';

/** All persistent subscriptions of a database. */
export class Groups {
  readonly #log: EventLog;
  readonly #groups = new Map<string, Group>();
  /** What has ever had a group: the server remembers it when the last one is gone. */
  readonly #sources = new Set<string>();

  constructor(log: EventLog) {
    this.#log = log;
  }

  /** Makes a group. */
  create(key: GroupKey, settings: GroupSettings): void {
    const { source, group } = key;
    const name = nameOf(key);
    if (this.#groups.has(name)) {
      const details = `Subscription group ${group} on stream ${source} exists.`;
      throw groupError(status.ALREADY_EXISTS, 'persistent-subscription-exists', details, source, group);
    }
    this.#sources.add(source);
    this.#groups.set(name, new Group(this.#log, key, settings));
  }

  /** A group that exists. */
  get(key: GroupKey): Group {
    const found = this.#groups.get(nameOf(key));
    if (found === undefined) throw missing(key);
    return found;
  }

  /** Ends a group. */
  delete(key: GroupKey): void {
    this.get(key).delete();
    this.#groups.delete(nameOf(key));
  }

  /** All groups, or those of one source, which must have had one at some time. */
  list(source: string | undefined): readonly Group[] {
    const found = [...this.#groups.values()].filter(
      ({ key }) => source === undefined || key.source === source,
    );
    if (source !== undefined && !this.#sources.has(source)) throw missing({ source, group: '' });
    return found;
  }
}

const nameOf = ({ source, group }: GroupKey): string => `${source}::${group}`;

const missing = ({ source, group }: GroupKey) =>
  groupError(
    status.NOT_FOUND,
    'persistent-subscription-does-not-exist',
    `Subscription group ${group} on stream ${source} does not exist.`,
    source,
    group,
  );
