import { requireLeader } from './append.js';
import { streams } from './definitions.js';
import { compileFilter, type EventFilter, type FilterRule, visibleInAll } from './event-filter.js';
import type { EventRecord } from './event-record.js';
import { resolve, unreadable, visible } from './log-reader.js';
import type { Caller, NodeContext } from './node-context.js';
import { streamDeleted } from './rpc-errors.js';
import { subscribeToAll, subscribeToStream } from './subscribe.js';
import { eventResponse, identifierOf, nameOf } from './wire.js';

type ReadReq = InstanceType<typeof streams.ReadReq>;
type ReadResp = InstanceType<typeof streams.ReadResp>;
type Options = InstanceType<typeof streams.ReadReq.Options>;
type FilterOptions = InstanceType<typeof streams.ReadReq.Options.FilterOptions>;

/** Serves reads and subscriptions, which are one call of the protocol. */
export const read = async (
  context: NodeContext,
  request: ReadReq,
  caller: Caller,
  write: (response: ReadResp) => Promise<void>,
): Promise<void> => {
  const options = request.getOptions();
  if (options === undefined) throw new Error('A read holds its options.');
  const stream = options.getStream();
  const streamId = stream === undefined ? '$all' : nameOf(stream.getStreamIdentifier());
  context.access.require(caller.metadata, 'read', streamId);
  requireLeader(context, caller);
  const links = options.getResolveLinks();
  if (options.hasSubscription()) {
    const target = { context, caller, links, write };
    if (stream !== undefined) return subscribeToStream(target, streamId, startOf(stream));
    const filter = filterOf(options.getFilter());
    context.subscribed(filter.rule);
    return subscribeToAll(target, startOfAll(options), filter);
  }
  if (stream !== undefined && unreadable(context.log, streamId) === 'not-found') {
    const { StreamNotFound } = streams.ReadResp;
    const missing = new StreamNotFound().setStreamIdentifier(identifierOf(streamId));
    return write(new streams.ReadResp().setStreamNotFound(missing));
  }
  if (stream !== undefined && unreadable(context.log, streamId) === 'deleted') throw streamDeleted(streamId);
  // The wire counts to 2^64; no array does.
  const count = Number(options.getCount());
  const events =
    stream === undefined ? ofAll(context, options, count) : ofStream(context, streamId, stream, options);
  for (const event of events.slice(0, count)) {
    await write(eventResponse(resolve(context.log, event, links)));
  }
};

/** Where a subscription or read begins: a revision, `start` or `end`. */
const startOf = (
  stream: InstanceType<typeof streams.ReadReq.Options.StreamOptions>,
): bigint | 'start' | 'end' => {
  if (stream.hasStart()) return 'start';
  return stream.hasEnd() ? 'end' : BigInt(stream.getRevision());
};

const startOfAll = (options: Options): bigint | 'start' | 'end' => {
  const all = options.getAll();
  if (all?.hasEnd() === true) return 'end';
  const position = all?.getPosition()?.getCommitPosition();
  return position === undefined ? 'start' : BigInt(position);
};

const backwards = (options: Options): boolean =>
  options.getReadDirection() === streams.ReadReq.Options.ReadDirection.BACKWARDS;

const ofStream = (
  context: NodeContext,
  streamId: string,
  stream: InstanceType<typeof streams.ReadReq.Options.StreamOptions>,
  options: Options,
): readonly EventRecord[] => {
  const events = visible(context.log, streamId);
  const start = startOf(stream);
  if (!backwards(options)) {
    if (start === 'end') return [];
    return start === 'start' ? events : events.filter(({ revision }) => revision >= start);
  }
  const newestFirst = events.toReversed();
  if (start === 'end') return newestFirst;
  const first = start === 'start' ? 0n : start;
  return newestFirst.filter(({ revision }) => revision <= first);
};

/** Looks at no more of the log than it takes: pages of a long one are asked for again and again. */
const ofAll = (context: NodeContext, options: Options, count: number): readonly EventRecord[] => {
  const { passes } = filterOf(options.getFilter());
  const start = startOfAll(options);
  const { events } = context.log;
  const isBackwards = backwards(options);
  // Backwards, a position stands for all that lies before it.
  const behind = start === 'start' ? 0 : start === 'end' ? events.length : context.log.indexOf(start);
  const found: EventRecord[] = [];
  for (let index = isBackwards ? behind - 1 : behind; found.length < count; index += isBackwards ? -1 : 1) {
    const event = events[index];
    if (event === undefined) break;
    if (passes(event)) found.push(event);
  }
  return found;
};

/** A filter of `$all` with what it says about checkpoints. */
export interface AllFilter {
  readonly passes: EventFilter;
  readonly rule?: FilterRule | undefined;
  /** Missing without a filter: then no checkpoints are sent. */
  readonly checkpoints?: { readonly window: number; readonly interval: number } | undefined;
}

const filterOf = (filter: FilterOptions | undefined): AllFilter => {
  if (filter === undefined) return { passes: visibleInAll };
  const onStream = filter.getStreamIdentifier();
  const expression = onStream ?? filter.getEventType();
  const rule: FilterRule = {
    on: onStream === undefined ? 'type' : 'streamId',
    regex: expression?.getRegex() ?? '',
    prefixes: expression?.getPrefixList() ?? [],
  };
  const window = filter.hasMax() ? filter.getMax() : 32;
  return {
    passes: compileFilter(rule),
    rule,
    checkpoints: { window, interval: window * filter.getCheckpointintervalmultiplier() },
  };
};
