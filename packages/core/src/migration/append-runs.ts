import type { PlacedEvent } from './transform.js';

/** Events that follow each other in the log and in one stream. */
export interface Run {
  readonly stream: string;
  readonly events: readonly PlacedEvent[];
}

/** What an event takes in an append beside its data and metadata: names, ids, and what a store adds. Generous. */
const overheadBytes = 1024;

/**
 * Cuts events, in log order, into runs of one stream each: appended one after the other, they make the same log.
 *
 * @param maxBytes most bytes in one run; an event that is larger by itself makes a run of its own
 */
export const runsOf = (events: readonly PlacedEvent[], maxBytes: number | undefined): readonly Run[] => {
  const runs: { readonly stream: string; readonly events: PlacedEvent[] }[] = [];
  let bytes = 0;
  for (const event of events) {
    const size = maxBytes === undefined ? 0 : sizeOf(event);
    const last = runs.at(-1);
    if (last?.stream === event.stream && bytes + size <= (maxBytes ?? 0)) {
      last.events.push(event);
      bytes += size;
    } else {
      runs.push({ stream: event.stream, events: [event] });
      bytes = size;
    }
  }
  return runs;
};

const sizeOf = ({ data, metadata }: PlacedEvent): number =>
  Buffer.byteLength(JSON.stringify(data) ?? '') + Buffer.byteLength(JSON.stringify(metadata)) + overheadBytes;

/** Puts runs together to atomic appends, none of which has a stream twice. */
export const groupsOf = (runs: readonly Run[]): readonly (readonly Run[])[] => {
  const groups: Run[][] = [];
  let streams = new Set<string>();
  for (const run of runs) {
    const last = groups.at(-1);
    if (last === undefined || streams.has(run.stream)) {
      groups.push([run]);
      streams = new Set([run.stream]);
    } else {
      last.push(run);
      streams.add(run.stream);
    }
  }
  return groups;
};
