import { randomUUID } from 'node:crypto';
import { streams } from './definitions.js';
import type { EventFilter } from './event-filter.js';
import type { EventRecord } from './event-record.js';
import { READ_BATCH, readAllForwards, resolve, unreadable, visible } from './log-reader.js';
import type { Caller, NodeContext } from './node-context.js';
import { streamDeleted } from './rpc-errors.js';
import { eventResponse } from './wire.js';

type ReadResp = InstanceType<typeof streams.ReadResp>;

/** Where the events of a subscription go. */
export interface Target {
  readonly context: NodeContext;
  readonly caller: Caller;
  /** Whether links are followed. */
  readonly links: boolean;
  readonly write: (response: ReadResp) => Promise<void>;
}

/** Which events of the log, and how often it is told how far the search has come. */
export interface Selection {
  readonly passes: EventFilter;
  readonly checkpoints?: { readonly window: number; readonly interval: number } | undefined;
}

/**
 * Serves a subscription to the log: what there is, page by page, then a notice that it has caught up,
 * then what comes. With a filter, after each `interval` events that were looked at, a checkpoint tells
 * from where to go on: while catching up at the end of a page, live at the event itself.
 */
export const subscribeToAll = async (
  target: Target,
  from: bigint | 'start' | 'end',
  { passes, checkpoints }: Selection,
): Promise<void> => {
  const { context, caller } = target;
  const { log } = context;
  const window = checkpoints?.window ?? Number.POSITIVE_INFINITY;
  const interval = checkpoints?.interval ?? Number.POSITIVE_INFINITY;
  await confirm(target);
  let index = from === 'end' ? log.events.length : from === 'start' ? 0 : log.indexOf(from) + 1;
  let considered = 0;
  const behind = fallingBehind(context, caller);
  while (true) {
    while (true) {
      const page = readAllForwards(log, index, READ_BATCH, passes, window);
      for (const event of page.events) await send(target, event);
      const reached = page.events.at(-1) ?? log.events[index];
      index = page.next;
      considered += page.considered;
      if (page.atEnd) break;
      if (considered < interval || reached === undefined) continue;
      considered %= interval;
      await checkpoint(target, reached.position);
    }
    await target.write(new streams.ReadResp().setCaughtUp(new streams.ReadResp.CaughtUp()));
    while (!behind.fell()) {
      const event = log.events[index];
      if (event === undefined) {
        await Promise.race([log.grown(index, caller.signal), behind.next()]);
        continue;
      }
      index += 1;
      considered += 1;
      if (passes(event)) await send(target, event);
      if (considered < interval) continue;
      considered = 0;
      await checkpoint(target, event.position);
    }
    await target.write(new streams.ReadResp().setFellBehind(new streams.ReadResp.FellBehind()));
  }
};

/** Serves a subscription to a stream, which need not exist yet. */
export const subscribeToStream = async (
  target: Target,
  streamId: string,
  from: bigint | 'start' | 'end',
): Promise<void> => {
  const { context, caller } = target;
  const { log } = context;
  if (log.isTombstoned(streamId)) throw streamDeleted(streamId);
  await confirm(target);
  const last = BigInt(log.stream(streamId).length) - 1n;
  let after = from === 'end' ? last : from === 'start' ? -1n : from;
  const behind = fallingBehind(context, caller);
  let live = false;
  while (true) {
    const length = log.events.length;
    const tombstone = log.tombstoneOf(streamId);
    if (tombstone !== undefined) {
      await send(target, tombstone);
      throw streamDeleted(streamId);
    }
    const news = visible(log, streamId).filter(({ revision }) => revision > after);
    for (const event of news) {
      await send(target, event);
      after = event.revision;
    }
    if (behind.fell()) {
      live = false;
      await target.write(new streams.ReadResp().setFellBehind(new streams.ReadResp.FellBehind()));
    }
    if (log.events.length > length) continue;
    // As the real server (23.10) does, of a stream that is not there it is said only once it is.
    const absent = unreadable(log, streamId) !== undefined;
    if (!live && !absent)
      await target.write(new streams.ReadResp().setCaughtUp(new streams.ReadResp.CaughtUp()));
    live ||= !absent;
    await Promise.race([log.grown(length, caller.signal), behind.next()]);
  }
};

const confirm = (target: Target): Promise<void> => {
  const { SubscriptionConfirmation } = streams.ReadResp;
  const confirmation = new SubscriptionConfirmation().setSubscriptionId(randomUUID());
  return target.write(new streams.ReadResp().setConfirmation(confirmation));
};

const send = (target: Target, event: EventRecord): Promise<void> =>
  target.write(eventResponse(resolve(target.context.log, event, target.links)));

const checkpoint = (target: Target, position: bigint): Promise<void> => {
  const message = new streams.ReadResp.Checkpoint();
  message.setCommitPosition(`${position}`).setPreparePosition(`${position}`);
  return target.write(new streams.ReadResp().setCheckpoint(message));
};

/** Tells when the subscription was asked to fall behind. */
const fallingBehind = (context: NodeContext, caller: Caller) => {
  let fallen = false;
  let wake: () => void = () => {};
  const stop = context.onFellBehind(() => {
    fallen = true;
    wake();
  });
  caller.signal.addEventListener('abort', stop, { once: true });
  return {
    /** Whether it fell since this was last asked. */
    fell(): boolean {
      const was = fallen;
      fallen = false;
      return was;
    },
    next: (): Promise<void> =>
      new Promise((resolved) => {
        if (fallen) resolved();
        else wake = resolved;
      }),
  };
};
