import { features, gossip, services, shared } from './definitions.js';
import type { NodeContext } from './node-context.js';

/** The version that the test server speaks as, and the one that its behaviour was compared with. */
const SERVER_VERSION = '23.10.6';

/** What the server can do, in the words of its protocol. */
export const supportedMethods = () => {
  const methods = [services.streams, services.persistent].flatMap((service) =>
    Object.values(service).flatMap((method) => {
      if (typeof method !== 'object' || !('path' in method)) return [];
      const [, serviceName = '', methodName = ''] = method.path.toLowerCase().split('/');
      const supported = new features.SupportedMethod();
      supported.setServiceName(serviceName).setMethodName(methodName);
      return [supported.setFeaturesList(featuresOf(serviceName, methodName))];
    }),
  );
  return new features.SupportedMethods().setMethodsList(methods).setEventStoreServerVersion(SERVER_VERSION);
};

/** The nodes of the cluster, as one of them knows them. */
export const clusterInfo = (context: NodeContext) => {
  const { VNodeState } = gossip.MemberInfo;
  const members = context.members().map(({ id, host, port, leads, alive }) =>
    new gossip.MemberInfo()
      .setInstanceId(new shared.UUID().setString(id))
      .setTimeStamp(`${BigInt(Date.now()) * 10_000n}`)
      .setState(leads ? VNodeState.LEADER : VNodeState.FOLLOWER)
      .setIsAlive(alive)
      .setHttpEndPoint(new gossip.EndPoint().setAddress(host).setPort(port)),
  );
  return new gossip.ClusterInfo().setMembersList(members);
};

const featuresOf = (service: string, method: string): string[] => {
  if (service.includes('persistentsubscriptions')) return ['stream', 'all'];
  if (method === 'read') return ['position', 'events'];
  return method === 'batchappend' ? ['deadline_duration'] : [];
};
