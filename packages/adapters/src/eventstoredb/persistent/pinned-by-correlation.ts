import { UnsupportedError } from '@tidemark/core';
import type { EventStoreDbClient } from '../client.js';

type Method = (...values: readonly unknown[]) => unknown;

/**
 * A client whose requests to make a group ask for the strategy `PinnedByCorrelation`. The server knows it by a newer field of the
 * request, which the client's own code never sets.
 *
 * @throws {UnsupportedError} the client is made in another way than `@eventstore/db-client`
 */
export const pinningByCorrelation = (client: EventStoreDbClient): EventStoreDbClient => {
  const execute: unknown = Reflect.get(client, 'execute');
  if (!isMethod(execute)) throw unsupported();
  return Object.create(client, {
    execute: {
      value: (type: unknown, name: string, action: (grpc: object) => unknown) =>
        execute.call(client, type, name, (grpc: object) => action(withStrategy(grpc))),
    },
  }) as EventStoreDbClient;
};

/** The stub of the service, with the strategy put into what it is to create. */
const withStrategy = (grpc: object): object => {
  const create: unknown = Reflect.get(grpc, 'create');
  if (!isMethod(create)) throw unsupported();
  return Object.create(grpc, {
    create: {
      value: (request: object, ...rest: readonly unknown[]) => {
        const settings = called(called(request, 'getOptions'), 'getSettings');
        called(settings, 'setConsumerStrategy', 'PinnedByCorrelation');
        return create.call(grpc, request, ...rest);
      },
    },
  }) as object;
};

const called = (target: unknown, method: string, ...values: readonly unknown[]): unknown => {
  const found: unknown =
    typeof target === 'object' && target !== null ? Reflect.get(target, method) : undefined;
  if (!isMethod(found)) throw unsupported();
  return found.call(target, ...values);
};

const isMethod = (value: unknown): value is Method => typeof value === 'function';

const unsupported = (): UnsupportedError =>
  new UnsupportedError(
    'This client cannot make a group that is pinned by correlation. Make it with another tool (the web interface of the server), ' +
      "or take the strategy 'pinned'.",
  );
