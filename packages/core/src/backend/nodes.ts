/** A process that runs an application, as it announces itself to the others. */
export interface AnnouncedNode {
  /** Unique for each start of a process; 1 to 200 characters. */
  readonly id: string;
  /** For people; need not be unique, e.g. the name of the host. 1 to 200 characters. */
  readonly name: string;
  /** Version of the application that it runs. */
  readonly version?: string | undefined;
  /** Where others reach it, in whatever form they understand. */
  readonly address?: string | undefined;
  /** How busy it is, from 0 (idle); what 1 means is for those to say who compare it. */
  readonly load?: number | undefined;
  /** Names of the processors that it takes a share of, as their checkpoints are named; each of 1 to 200 characters. Default: none. */
  readonly processors?: readonly string[] | undefined;
  readonly startedAt: Date;
}

/** Which nodes are alive, by the store's own clock. */
export interface NodeStore {
  /**
   * Says that a node is alive for so many milliseconds from now on, and takes the place of what it said before.
   *
   * @throws {InvalidArgumentError} a text is out of range, the load below 0 or infinite, or `ttlMs` not above 0
   */
  announce(node: AnnouncedNode, ttlMs: number): Promise<void>;
  /** Takes a node off the list, as it does itself when it stops. No error if it is not there. */
  withdraw(id: string): Promise<void>;
  /** Those that are alive: the longest running first, then by id. */
  list(): Promise<readonly AnnouncedNode[]>;
}
