import { randomUUID } from 'node:crypto';
import type { handleBidiStreamingCall } from '@grpc/grpc-js';
import { asRpcError, callerOf } from '../calls.js';
import { persistent } from '../definitions.js';
import { originalOf } from '../event-record.js';
import { meet } from '../faults.js';
import type { NodeContext } from '../node-context.js';
import { notLeader } from '../rpc-errors.js';
import { fillRecorded, nameOf, uuidOf } from '../wire.js';
import type { Consumer, Message } from './consumer.js';
import type { Group, NackAction } from './group.js';

type Request = InstanceType<typeof persistent.ReadReq>;
type Action = ReturnType<NonNullable<ReturnType<Request['getNack']>>['getAction']>;
type Response = InstanceType<typeof persistent.ReadResp>;

/** Serves a consumer: its first request says for which group, the others acknowledge and refuse. */
export const persistentRead =
  (context: NodeContext): handleBidiStreamingCall<Request, Response> =>
  (call) => {
    const caller = callerOf(call);
    let group: Group | undefined;
    let consumer: Consumer | undefined;
    const leave = (): void => {
      if (consumer !== undefined) group?.leave(consumer);
    };
    const fail = (error: unknown): void => {
      leave();
      if (!caller.signal.aborted) call.emit('error', asRpcError(error));
    };
    const join = async (options: NonNullable<ReturnType<Request['getOptions']>>): Promise<void> => {
      const then = await meet(context.faults.take('persistent-read'), caller.signal);
      if (then === 'never') return;
      const source = options.hasAll() ? '$all' : nameOf(options.getStreamIdentifier());
      context.access.require(caller.metadata, 'read', source);
      const leader = context.otherLeader();
      if (leader !== undefined) throw notLeader(leader.host, leader.port);
      const limit = typeof then === 'object' ? then.after : then === 'drop' ? 0 : Number.POSITIVE_INFINITY;
      let sent = 0;
      const cut = (): void => {
        if (sent < limit) return;
        setImmediate(() => context.drop(caller.peer));
      };
      group = context.groups.get({ source, group: options.getGroupName() });
      const confirmation = new persistent.ReadResp.SubscriptionConfirmation();
      confirmation.setSubscriptionId(`${source}::${options.getGroupName()}`);
      consumer = {
        name: String(caller.metadata.get('connection-name')[0] ?? randomUUID()),
        user: context.access.userOf(caller.metadata)?.name ?? 'anonymous',
        bufferSize: options.getBufferSize(),
        inFlight: new Map(),
        sent: 0,
        send(message) {
          call.write(responseOf(message));
          sent += 1;
          cut();
        },
        drop: fail,
      };
      group.join(consumer);
      call.write(new persistent.ReadResp().setSubscriptionConfirmation(confirmation));
      cut();
    };
    call.on('data', (request: Request) => {
      const options = request.getOptions();
      if (options !== undefined) {
        join(options).catch(fail);
        return;
      }
      if (group === undefined || consumer === undefined) return;
      const ack = request.getAck();
      if (ack !== undefined) group.ack(consumer, ack.getIdsList().map(uuidOf));
      const nack = request.getNack();
      if (nack === undefined) return;
      const action = actionOf(nack.getAction());
      group.nack(consumer, nack.getIdsList().map(uuidOf), action, nack.getReason());
    });
    call.on('end', () => {
      leave();
      call.end();
    });
    call.on('cancelled', leave);
  };

/** The real server has no way of stopping a group: it does what it does for "skip". */
const actionOf = (action: Action): NackAction => {
  const { Action } = persistent.ReadReq.Nack;
  if (action === Action.PARK) return 'park';
  return action === Action.SKIP || action === Action.STOP ? 'skip' : 'retry';
};

const responseOf = ({ resolved, retryCount }: Message): Response => {
  const { ReadEvent } = persistent.ReadResp;
  const message = new ReadEvent();
  if (resolved.event !== undefined) {
    message.setEvent(fillRecorded(new ReadEvent.RecordedEvent(), resolved.event));
  }
  if (resolved.link !== undefined) {
    message.setLink(fillRecorded(new ReadEvent.RecordedEvent(), resolved.link));
  }
  message.setCommitPosition(`${originalOf(resolved).position}`).setRetryCount(retryCount);
  return new persistent.ReadResp().setEvent(message);
};
