import type { handleBidiStreamingCall } from '@grpc/grpc-js';
import any from 'google-protobuf/google/protobuf/any_pb.js';
import empty from 'google-protobuf/google/protobuf/empty_pb.js';
import { requireLeader, sizeOf } from './append.js';
import { asRpcError, callerOf } from './calls.js';
import type { ExpectedRevision } from './commit-check.js';
import { shared, status, streams } from './definitions.js';
import type { WriteOutcome } from './event-log.js';
import type { ProposedEvent } from './event-record.js';
import { meet } from './faults.js';
import type { Caller, NodeContext } from './node-context.js';
import { RpcError } from './rpc-errors.js';
import { identifierOf, nameOf, proposedOf, uuidOf } from './wire.js';

type Request = InstanceType<typeof streams.BatchAppendReq>;
type Response = InstanceType<typeof streams.BatchAppendResp>;
type Options = InstanceType<typeof streams.BatchAppendReq.Options>;

/** An append of which not all requests have come yet. */
interface Pending {
  readonly streamId: string;
  readonly expected: ExpectedRevision;
  readonly events: ProposedEvent[];
}

/** google.rpc.Code */
const Code = { invalidArgument: 3, deadlineExceeded: 4, notFound: 5, alreadyExists: 6, permissionDenied: 7 };

/**
 * Serves the stream over which a client sends all its appends. What is refused is answered within the
 * stream; only a node that may not write ends it.
 */
export const batchAppend =
  (context: NodeContext): handleBidiStreamingCall<Request, Response> =>
  (call) => {
    const caller = callerOf(call);
    const pending = new Map<string, Pending>();
    let working = Promise.resolve();
    const serve = async (request: Request): Promise<void> => {
      if (caller.signal.aborted) return;
      const response = take(context, caller, pending, request);
      if (response === undefined) return;
      const then = await meet(context.faults.take('append'), caller.signal);
      if (then === 'never') return;
      if (typeof then === 'object') return context.drop(caller.peer);
      requireLeader(context, caller);
      const message = response().setCorrelationId(request.getCorrelationId());
      if (then === 'drop') context.drop(caller.peer);
      else call.write(message);
    };
    call.on('data', (request: Request) => {
      working = working
        .then(() => serve(request))
        .catch((error: unknown) => {
          if (!caller.signal.aborted) call.emit('error', asRpcError(error));
        });
    });
    call.on('end', () => void working.then(() => call.end()));
  };

/** Takes a request; once an append is whole, returns what carries it out. */
const take = (
  context: NodeContext,
  caller: Caller,
  pending: Map<string, Pending>,
  request: Request,
): (() => Response) | undefined => {
  const id = uuidOf(request.getCorrelationId());
  const options = request.getOptions();
  if (options !== undefined) {
    const streamId = nameOf(options.getStreamIdentifier());
    const refusal = refuse(context, caller, streamId, options);
    if (refusal !== undefined) return () => refusal;
    pending.set(id, { streamId, expected: expectedOf(options), events: [] });
  }
  const append = pending.get(id);
  if (append === undefined) return undefined;
  append.events.push(...request.getProposedMessagesList().map(proposedOf));
  const { streamId, expected, events } = append;
  if (sizeOf(events) > context.maxAppendSize) {
    pending.delete(id);
    const details = new shared.MaximumAppendSizeExceeded().setMaxappendsize(context.maxAppendSize);
    return () => refused(streamId, Code.invalidArgument, 'MaximumAppendSizeExceeded', details);
  }
  if (!request.getIsFinal()) return undefined;
  pending.delete(id);
  return () => answerOf(streamId, expected, context.log.append(streamId, expected, events));
};

const refuse = (
  context: NodeContext,
  caller: Caller,
  streamId: string,
  options: Options,
): Response | undefined => {
  try {
    context.access.require(caller.metadata, 'write', streamId);
  } catch (error) {
    if (!(error instanceof RpcError) || error.metadata.get('exception').length === 0) throw error;
    return refused(streamId, Code.permissionDenied, 'AccessDenied', new shared.AccessDenied());
  }
  const deadline = options.getDeadline()?.toDate() ?? undefined;
  if (deadline === undefined || deadline.getTime() > Date.now()) return undefined;
  return refused(streamId, Code.deadlineExceeded, 'Timeout', new shared.Timeout());
};

const answerOf = (streamId: string, expected: ExpectedRevision, outcome: WriteOutcome): Response => {
  switch (outcome.kind) {
    case 'deleted': {
      const details = new shared.StreamDeleted().setStreamIdentifier(identifierOf(streamId));
      return refused(streamId, Code.notFound, 'StreamDeleted', details);
    }
    case 'wrong-expected-version':
      return refused(
        streamId,
        Code.alreadyExists,
        'WrongExpectedVersion',
        wrongVersion(expected, outcome.revision),
      );
    case 'written': {
      const success = new streams.BatchAppendResp.Success();
      if (outcome.revision < 0n) success.setNoStream(new empty.Empty());
      else success.setCurrentRevision(`${outcome.revision}`);
      if (outcome.position === undefined) success.setNoPosition(new empty.Empty());
      else {
        success.setPosition(
          new shared.AllStreamPosition()
            .setCommitPosition(`${outcome.position}`)
            .setPreparePosition(`${outcome.position}`),
        );
      }
      return response(streamId).setSuccess(success);
    }
    default:
      return outcome satisfies never;
  }
};

const wrongVersion = (expected: ExpectedRevision, actual: bigint) => {
  const wrong = new shared.WrongExpectedVersion();
  if (expected === 'any') wrong.setExpectedAny(new empty.Empty());
  else if (expected === 'no_stream') wrong.setExpectedNoStream(new empty.Empty());
  else if (expected === 'stream_exists') wrong.setExpectedStreamExists(new empty.Empty());
  else wrong.setExpectedStreamPosition(`${expected}`);
  if (actual < 0n) wrong.setCurrentNoStream(new empty.Empty());
  else wrong.setCurrentStreamRevision(`${actual}`);
  return wrong;
};

const expectedOf = (options: Options): ExpectedRevision => {
  if (options.hasNoStream()) return 'no_stream';
  if (options.hasAny()) return 'any';
  return options.hasStreamExists() ? 'stream_exists' : BigInt(options.getStreamPosition());
};

const response = (streamId: string): Response =>
  new streams.BatchAppendResp().setStreamIdentifier(identifierOf(streamId));

/** A refusal, with details of the type that has the same name as the message. */
const refused = (
  streamId: string,
  code: number,
  name: string,
  details: { serializeBinary(): Uint8Array },
): Response => {
  const packed = new any.Any();
  packed.pack(details.serializeBinary(), `event_store.client.${name}`);
  const error = new status.Status().setCode(code).setMessage(name).setDetails(packed);
  return response(streamId).setError(error);
};
