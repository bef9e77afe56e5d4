/** The keys of one log. They share a hash tag, so that a cluster keeps them on one node, where one command may use several. */
export interface LogKeys {
  /** The newest events: a stream whose ids are the positions. */
  readonly tail: string;
  /** That there may be more in the log: a short stream. */
  readonly wakeUps: string;
  /** Which process fills the tail: its id, with a time to live. */
  readonly leader: string;
  /** When each node last gave a sign of life: a hash. */
  readonly nodes: string;
  /** Begins the keys of snapshots; the stream's name follows. */
  readonly snapshots: string;
}

export const logKeys = (prefix: string, log: string): LogKeys => {
  const base = `${prefix}:{${log}}`;
  return {
    tail: `${base}:tail`,
    wakeUps: `${base}:wake-ups`,
    leader: `${base}:leader`,
    nodes: `${base}:nodes`,
    snapshots: `${base}:snapshot:`,
  };
};

/** How long keys outlive the last process that used them, in milliseconds: a day. */
export const keyTtlMs = 86_400_000;
