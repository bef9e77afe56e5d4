import { once } from 'node:events';
import {
  type handleClientStreamingCall,
  type handleServerStreamingCall,
  type handleUnaryCall,
  type Metadata,
  type sendUnaryData,
  status,
} from '@grpc/grpc-js';
import { type CallKind, meet } from './faults.js';
import type { Caller, NodeContext } from './node-context.js';
import { RpcError } from './rpc-errors.js';

/** What every call has. */
interface AnyCall {
  readonly metadata: Metadata;
  readonly cancelled: boolean;
  getPeer(): string;
  on(event: 'cancelled', listener: () => void): unknown;
}

/** Who is calling. */
export const callerOf = (call: AnyCall): Caller => {
  const ended = new AbortController();
  if (call.cancelled) ended.abort();
  call.on('cancelled', () => ended.abort());
  return { metadata: call.metadata, peer: call.getPeer(), signal: ended.signal };
};

/** Serves calls with one request and one answer. */
export const unary =
  <Request, Response>(
    context: NodeContext,
    kind: CallKind,
    serve: (request: Request, caller: Caller) => Response | Promise<Response>,
  ): handleUnaryCall<Request, Response> =>
  (call, callback) => {
    const caller = callerOf(call);
    void answer(context, kind, caller, callback, () => serve(call.request, caller));
  };

/** Serves calls with many requests and one answer. */
export const clientStreaming =
  <Request, Response>(
    context: NodeContext,
    kind: CallKind,
    serve: (requests: readonly Request[], caller: Caller) => Response | Promise<Response>,
  ): handleClientStreamingCall<Request, Response> =>
  (call, callback) => {
    const caller = callerOf(call);
    const requests: Request[] = [];
    call.on('data', (request: Request) => requests.push(request));
    call.on('end', () => void answer(context, kind, caller, callback, () => serve(requests, caller)));
  };

/** Serves calls with one request and many answers; `write` waits while the client is slow. */
export const serverStreaming =
  <Request, Response>(
    context: NodeContext,
    kindOf: (request: Request) => CallKind,
    serve: (request: Request, caller: Caller, write: (response: Response) => Promise<void>) => Promise<void>,
  ): handleServerStreamingCall<Request, Response> =>
  (call) => {
    const caller = callerOf(call);
    const run = async (): Promise<void> => {
      const then = await meet(context.faults.take(kindOf(call.request)), caller.signal);
      if (then === 'never') return;
      const limit = limitOf(then);
      let sent = 0;
      const cut = async (): Promise<void> => {
        if (sent < limit.after) return;
        if (!limit.drop) throw new RpcError(status.UNAVAILABLE, 'Server Is Not Ready');
        // What was sent before is to arrive before the connection is gone.
        await new Promise((resolve) => setImmediate(resolve));
        context.drop(caller.peer);
        throw new RpcError(status.CANCELLED, 'The connection was dropped.');
      };
      await cut();
      await serve(call.request, caller, async (response) => {
        caller.signal.throwIfAborted();
        if (!call.write(response)) await once(call, 'drain', { signal: caller.signal });
        sent += 1;
        await cut();
      });
      call.end();
    };
    run().catch((error: unknown) => {
      if (!caller.signal.aborted) call.emit('error', asRpcError(error));
    });
  };

/** What an error is on the wire: itself, or an internal error that says what went wrong. */
export const asRpcError = (error: unknown): RpcError =>
  error instanceof RpcError ? error : new RpcError(status.UNKNOWN, String(error));

const limitOf = (then: Exclude<Awaited<ReturnType<typeof meet>>, 'never'>) => {
  if (then === 'answer') return { after: Number.POSITIVE_INFINITY, drop: false };
  return then === 'drop' ? { after: 0, drop: true } : then;
};

const answer = async <Response>(
  context: NodeContext,
  kind: CallKind,
  caller: Caller,
  callback: sendUnaryData<Response>,
  serve: () => Response | Promise<Response>,
): Promise<void> => {
  try {
    const then = await meet(context.faults.take(kind), caller.signal);
    if (then === 'never') return;
    if (typeof then === 'object') return context.drop(caller.peer);
    const response = await serve();
    if (then === 'drop') context.drop(caller.peer);
    else callback(null, response);
  } catch (error) {
    if (!caller.signal.aborted) callback(asRpcError(error));
  }
};
