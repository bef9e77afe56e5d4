import type { PeerLog } from './peer-log.js';
import { emmettLog } from './emmett.js';
import { messageDbLog } from './message-db.js';

/** Another framework that ours is measured beside. */
export interface Peer {
  readonly name: string;
  /** Its log, on a database of its own. */
  open(): Promise<PeerLog>;
}

export const emmett: Peer = { name: 'Emmett', open: emmettLog };

export const messageDb: Peer = { name: 'message-db', open: messageDbLog };
