import { type Metadata, status } from '@grpc/grpc-js';
import type { EventLog } from './event-log.js';
import { accessDenied, RpcError } from './rpc-errors.js';
import { type Acl, isMetaStream } from './stream-settings.js';

/** Somebody who may log in. */
export interface User {
  readonly name: string;
  readonly password: string;
  /** `$admins` may do everything, `$ops` manage persistent subscriptions. */
  readonly groups: readonly string[];
}

/** What is to be done to a stream. */
export type Action = 'read' | 'write' | 'delete';

/** The users that every server has from the start. */
export const BUILT_IN_USERS: readonly User[] = [
  { name: 'admin', password: 'changeit', groups: ['$admins'] },
  { name: 'ops', password: 'changeit', groups: ['$ops'] },
];

/** Decides who may do what. Without security, as with `--insecure`, everybody may do everything. */
export class AccessControl {
  readonly #secure: boolean;
  readonly #users: ReadonlyMap<string, User>;
  readonly #log: EventLog;

  constructor(log: EventLog, secure: boolean, users: readonly User[] = []) {
    this.#log = log;
    this.#secure = secure;
    this.#users = new Map([...BUILT_IN_USERS, ...users].map((user) => [user.name, user]));
  }

  /** Who calls, by basic authentication; UNAUTHENTICATED if that is wrong. */
  userOf(metadata: Metadata): User | undefined {
    const [header] = metadata.get('authorization');
    if (!this.#secure || header === undefined) return undefined;
    const encoded = String(header).replace(/^Basic /i, '');
    const [name = '', ...password] = Buffer.from(encoded, 'base64').toString('utf8').split(':');
    const user = this.#users.get(name);
    if (user?.password !== password.join(':')) {
      throw new RpcError(status.UNAUTHENTICATED, 'Bad gRPC response. HTTP status code: 401');
    }
    return user;
  }

  /** Throws unless the caller may do this to a stream (`$all` for the whole log). */
  require(metadata: Metadata, action: Action, streamId: string): void {
    if (!this.#secure) return;
    const user = this.userOf(metadata);
    if (user === undefined) throw accessDenied();
    if (user.groups.includes('$admins')) return;
    const permitted = this.#permitted(action, streamId);
    const own = new Set([user.name, ...user.groups, '$all']);
    if (!permitted.some((role) => own.has(role))) throw accessDenied();
  }

  /** Throws unless the caller may manage persistent subscriptions. */
  requireOperator(metadata: Metadata): void {
    if (!this.#secure) return;
    const groups = this.userOf(metadata)?.groups ?? [];
    if (!groups.includes('$admins') && !groups.includes('$ops')) throw accessDenied();
  }

  #permitted(action: Action, streamId: string): readonly string[] {
    const meta = isMetaStream(streamId);
    const owner = meta ? streamId.slice(2) : streamId;
    const acl = this.#log.settings(owner).acl ?? {};
    const roles = acl[keyOf(action, meta)];
    if (roles === undefined) return owner.startsWith('$') ? ['$admins'] : ['$all'];
    return typeof roles === 'string' ? [roles] : roles;
  }
}

const keyOf = (action: Action, meta: boolean): keyof Acl => {
  if (meta) return action === 'read' ? '$mr' : '$mw';
  switch (action) {
    case 'read':
      return '$r';
    case 'write':
      return '$w';
    case 'delete':
      return '$d';
    default:
      return action satisfies never;
  }
};
