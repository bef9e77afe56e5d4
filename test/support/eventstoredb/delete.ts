import { requireLeader } from './append.js';
import type { ExpectedRevision } from './commit-check.js';
import { streams } from './definitions.js';
import type { WriteOutcome } from './event-log.js';
import type { Caller, NodeContext } from './node-context.js';
import { streamDeleted, wrongExpectedVersion } from './rpc-errors.js';
import { nameOf } from './wire.js';

type DeleteReq = InstanceType<typeof streams.DeleteReq>;
type TombstoneReq = InstanceType<typeof streams.TombstoneReq>;
type Options = NonNullable<ReturnType<(DeleteReq | TombstoneReq)['getOptions']>>;

/** The numbers that the protocol's errors use for the expectations that are no revision. */
const NUMBERS = { any: -2n, no_stream: -1n, stream_exists: -4n };

/** Serves a soft delete. */
export const softDelete = (context: NodeContext, request: DeleteReq, caller: Caller) => {
  const position = remove(context, caller, request.getOptions(), (streamId, expected) =>
    context.log.softDelete(streamId, expected),
  );
  return new streams.DeleteResp().setPosition(
    new streams.DeleteResp.Position().setCommitPosition(position).setPreparePosition(position),
  );
};

/** Serves a delete for good. */
export const tombstone = (context: NodeContext, request: TombstoneReq, caller: Caller) => {
  const position = remove(context, caller, request.getOptions(), (streamId, expected) =>
    context.log.tombstone(streamId, expected),
  );
  return new streams.TombstoneResp().setPosition(
    new streams.TombstoneResp.Position().setCommitPosition(position).setPreparePosition(position),
  );
};

const remove = (
  context: NodeContext,
  caller: Caller,
  options: Options | undefined,
  write: (streamId: string, expected: ExpectedRevision) => WriteOutcome,
): string => {
  if (options === undefined) throw new Error('A delete holds its options.');
  const streamId = nameOf(options.getStreamIdentifier());
  context.access.require(caller.metadata, 'delete', streamId);
  requireLeader(context, caller);
  const expected = expectedOf(options);
  const outcome = write(streamId, expected);
  switch (outcome.kind) {
    case 'deleted':
      throw streamDeleted(streamId);
    case 'wrong-expected-version': {
      const number = typeof expected === 'bigint' ? expected : NUMBERS[expected];
      throw wrongExpectedVersion(streamId, number, outcome.revision);
    }
    case 'written':
      return `${outcome.position ?? 0n}`;
    default:
      return outcome satisfies never;
  }
};

const expectedOf = (options: Options): ExpectedRevision => {
  if (options.hasNoStream()) return 'no_stream';
  if (options.hasAny()) return 'any';
  return options.hasStreamExists() ? 'stream_exists' : BigInt(options.getRevision());
};
