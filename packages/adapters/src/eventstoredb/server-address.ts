import { ConfigurationError } from '@tidemark/core';
import type { EventStoreDbCredentials } from './client.js';

/** What is known of a server from its connection string. */
export interface ServerAddress {
  /** Hosts and ports, for messages: no credentials. */
  readonly hosts: string;
  /** False where the connection string says `tls=false`. */
  readonly secure: boolean;
  readonly credentials: EventStoreDbCredentials | undefined;
}

const form =
  /^(?:esdb|kurrentdb|kurrent)(?:\+discover)?:\/\/(?:(?<user>[^:/@?]+):(?<password>[^@/?]*)@)?(?<hosts>[^/?@]+)\/?(?:\?(?<query>.*))?$/;

/**
 * Looks into a connection string, before anything connects.
 *
 * @throws {ConfigurationError} it is none; the error does not quote it, since there may be a password in it
 */
export const parseAddress = (connectionString: string): ServerAddress => {
  const scheme = /^[a-z+.-]*:\/\//i.exec(connectionString)?.[0];
  if (scheme === undefined || !/^(?:esdb|kurrentdb|kurrent)(?:\+discover)?:\/\/$/.test(scheme)) {
    throw new ConfigurationError(
      `eventStoreDb: the connection string must start with esdb:// or esdb+discover://${scheme === undefined ? '' : `, not ${scheme}`}. ` +
        'For example: esdb://admin:changeit@localhost:2113?tls=true',
    );
  }
  const { user, password, hosts, query } = form.exec(connectionString.trim())?.groups ?? {};
  if (hosts === undefined) {
    throw new ConfigurationError(
      'eventStoreDb: the connection string is not esdb://[user:password@]host[:port][,host…][?key=value&…]. ' +
        'Characters of user and password that mean something in a URL must be percent-encoded.',
    );
  }
  const settings = settingsOf(query ?? '');
  return {
    hosts,
    secure: settings.get('tls')?.toLowerCase() !== 'false',
    credentials:
      user === undefined ? undefined : { username: decoded(user), password: decoded(password ?? '') },
  };
};

/** All that the client knows. Of an unknown one it would only warn, quoting the whole connection string. */
const knownSettings = [
  'connectionName',
  'defaultDeadline',
  'discoveryInterval',
  'gossipTimeout',
  'keepAliveInterval',
  'keepAliveTimeout',
  'maxDiscoverAttempts',
  'nodePreference',
  'throwOnAppendFailure',
  'tls',
  'tlsCAFile',
  'tlsVerifyCert',
  'userCertFile',
  'userKeyFile',
];

const flat = (name: string): string => name.trim().toLowerCase().replaceAll(/[_-]/g, '');

const settingsOf = (query: string): ReadonlyMap<string, string> => {
  const known = new Map(knownSettings.map((name) => [flat(name), name]));
  const settings = new Map<string, string>();
  for (const [key, value] of new URLSearchParams(query)) {
    const name = known.get(flat(key));
    if (name === undefined) {
      throw new ConfigurationError(
        `eventStoreDb: "${key}" is no setting of a connection string. There are ${knownSettings.join(', ')}.`,
      );
    }
    settings.set(name, value);
  }
  if (settings.get('tlsVerifyCert')?.toLowerCase() === 'false') {
    throw new ConfigurationError(
      'eventStoreDb: the client cannot leave certificates unverified (tlsVerifyCert=false). Name the certificate of the ' +
        'authority by tlsCAFile in the connection string, or by the environment variable NODE_EXTRA_CA_CERTS.',
    );
  }
  return settings;
};

const decoded = (text: string): string => {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new ConfigurationError(
      'eventStoreDb: user or password in the connection string are not percent-encoded as in a URL: write % as %25.',
    );
  }
};
