import type { streams } from './definitions.js';
import { shared, streams as messages } from './definitions.js';
import type { ExpectedRevision } from './commit-check.js';
import type { ProposedEvent } from './event-record.js';
import type { Caller, NodeContext } from './node-context.js';
import { maximumAppendSizeExceeded, notLeader, streamDeleted } from './rpc-errors.js';
import { nameOf, proposedOf } from './wire.js';

type AppendReq = InstanceType<typeof streams.AppendReq>;
type AppendResp = InstanceType<typeof streams.AppendResp>;
type Options = InstanceType<typeof streams.AppendReq.Options>;

/** Refuses what needs the leader where another node leads. */
export const requireLeader = (context: NodeContext, caller: Caller): void => {
  const leader = context.otherLeader();
  if (leader !== undefined && caller.metadata.get('requires-leader')[0] === 'true') {
    throw notLeader(leader.host, leader.port);
  }
};

/** How much of an append counts against the maximum: its data, as with the real server. */
export const sizeOf = (events: readonly ProposedEvent[]): number =>
  events.reduce((sum, { data }) => sum + data.length, 0);

/** Serves the append of one stream of requests. */
export const append = (
  context: NodeContext,
  [first, ...rest]: readonly AppendReq[],
  caller: Caller,
): AppendResp => {
  const options = first?.getOptions();
  if (options === undefined) throw new Error('The first request of an append holds its options.');
  const streamId = nameOf(options.getStreamIdentifier());
  context.access.require(caller.metadata, 'write', streamId);
  const events = rest.flatMap((request) => {
    const message = request.getProposedMessage();
    return message === undefined ? [] : [proposedOf(message)];
  });
  if (sizeOf(events) > context.maxAppendSize) throw maximumAppendSizeExceeded(context.maxAppendSize);
  requireLeader(context, caller);
  const expected = expectedOf(options);
  const outcome = context.log.append(streamId, expected, events);
  switch (outcome.kind) {
    case 'deleted':
      throw streamDeleted(streamId);
    case 'wrong-expected-version':
      return new messages.AppendResp().setWrongExpectedVersion(wrongVersion(expected, outcome.revision));
    case 'written': {
      const success = new messages.AppendResp.Success();
      if (outcome.revision < 0n) success.setNoStream(new shared.Empty());
      else success.setCurrentRevision(`${outcome.revision}`);
      if (outcome.position === undefined) success.setNoPosition(new shared.Empty());
      else {
        success.setPosition(
          new messages.AppendResp.Position()
            .setCommitPosition(`${outcome.position}`)
            .setPreparePosition(`${outcome.position}`),
        );
      }
      return new messages.AppendResp().setSuccess(success);
    }
    default:
      return outcome satisfies never;
  }
};

const expectedOf = (options: Options): ExpectedRevision => {
  if (options.hasNoStream()) return 'no_stream';
  if (options.hasAny()) return 'any';
  return options.hasStreamExists() ? 'stream_exists' : BigInt(options.getRevision());
};

const wrongVersion = (expected: ExpectedRevision, actual: bigint) => {
  const wrong = new messages.AppendResp.WrongExpectedVersion();
  if (expected === 'any') wrong.setExpectedAny(new shared.Empty());
  else if (expected === 'no_stream') wrong.setExpectedNoStream(new shared.Empty());
  else if (expected === 'stream_exists') wrong.setExpectedStreamExists(new shared.Empty());
  else wrong.setExpectedRevision(`${expected}`);
  if (actual < 0n) wrong.setCurrentNoStream(new shared.Empty());
  else wrong.setCurrentRevision(`${actual}`);
  return wrong;
};
