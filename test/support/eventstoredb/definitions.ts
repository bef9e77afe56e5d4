/**
 * The messages and service definitions of EventStoreDB, as its client package ships them. They are
 * CommonJS without named exports that Node could see, so each module is taken as a whole.
 */
import gossip from '@eventstore/db-client/generated/gossip_pb.js';
import gossipServices from '@eventstore/db-client/generated/gossip_grpc_pb.js';
import persistent from '@eventstore/db-client/generated/persistent_pb.js';
import persistentServices from '@eventstore/db-client/generated/persistent_grpc_pb.js';
import features from '@eventstore/db-client/generated/serverfeatures_pb.js';
import featuresServices from '@eventstore/db-client/generated/serverfeatures_grpc_pb.js';
import shared from '@eventstore/db-client/generated/shared_pb.js';
import status from '@eventstore/db-client/generated/status_pb.js';
import streams from '@eventstore/db-client/generated/streams_pb.js';
import streamsServices from '@eventstore/db-client/generated/streams_grpc_pb.js';

export { features, gossip, persistent, shared, status, streams };

export const services = {
  streams: streamsServices.StreamsService,
  persistent: persistentServices.PersistentSubscriptionsService,
  features: featuresServices.ServerFeaturesService,
  gossip: gossipServices.GossipService,
};
