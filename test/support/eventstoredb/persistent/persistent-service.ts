import { unary } from '../calls.js';
import { persistent, type shared } from '../definitions.js';
import type { Caller, NodeContext } from '../node-context.js';
import { notLeader } from '../rpc-errors.js';
import { nameOf } from '../wire.js';
import { infoOf } from './group-info.js';
import { created, type GroupKey, updated } from './group-settings.js';
import { persistentRead } from './persistent-read.js';

type DeleteReq = InstanceType<typeof persistent.DeleteReq>;
type GetInfoReq = InstanceType<typeof persistent.GetInfoReq>;
type ListReq = InstanceType<typeof persistent.ListReq>;
type ReplayParkedReq = InstanceType<typeof persistent.ReplayParkedReq>;
type Empty = InstanceType<typeof shared.Empty>;

/** Serves persistent subscriptions. Only the leader does; only operators may change them. */
export const persistentSubscriptions = (context: NodeContext) => {
  const { groups, log } = context;
  const managing = <Request, Response>(serve: (request: Request) => Response) =>
    unary(context, 'persistent-manage', (request: Request, caller: Caller) => {
      context.access.requireOperator(caller.metadata);
      const leader = context.otherLeader();
      if (leader !== undefined) throw notLeader(leader.host, leader.port);
      return serve(request);
    });
  return {
    create: managing((request: InstanceType<typeof persistent.CreateReq>) => {
      const { settings, ...key } = created(request);
      groups.create(key, settings);
      return new persistent.CreateResp();
    }),
    update: managing((request: InstanceType<typeof persistent.UpdateReq>) => {
      const { settings, ...key } = updated(request);
      groups.get(key).update(settings);
      return new persistent.UpdateResp();
    }),
    delete: managing((request: DeleteReq) => {
      groups.delete(keyOf(request.getOptions()));
      return new persistent.DeleteResp();
    }),
    getInfo: managing((request: GetInfoReq) => {
      const info = infoOf(log, groups.get(keyOf(request.getOptions())));
      return new persistent.GetInfoResp().setSubscriptionInfo(info);
    }),
    replayParked: managing((request: ReplayParkedReq) => {
      const options = request.getOptions();
      const stopAt = options?.hasStopAt() === true ? BigInt(options.getStopAt()) : undefined;
      groups.get(keyOf(options)).replay(stopAt);
      return new persistent.ReplayParkedResp();
    }),
    list: managing((request: ListReq) => {
      const stream = request.getOptions()?.getListForStream();
      const source = stream?.hasAll() === true ? '$all' : stream && nameOf(stream.getStream());
      const found = groups.list(source).map((group) => infoOf(log, group));
      return new persistent.ListResp().setSubscriptionsList(found);
    }),
    restartSubsystem: managing((request: Empty) => request),
    read: persistentRead(context),
  };
};

const keyOf = (
  options: DeleteReq | GetInfoReq | ReplayParkedReq extends { getOptions(): infer Options } ? Options : never,
): GroupKey => {
  if (options === undefined) throw new Error('A request about a group names it.');
  const source = options.hasAll() ? '$all' : nameOf(options.getStreamIdentifier());
  return { source, group: options.getGroupName() };
};
