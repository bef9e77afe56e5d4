import {
  migrate,
  upcaster,
  Schema,
  type Backend,
  type Migration,
  type MigrationReport,
} from '@tidemark/core';

const schema = new Schema();
schema.register(
  upcaster({
    event: 'priced',
    from: 1,
    upcast: (data: { readonly price: number }) => ({ cents: Math.round(data.price * 100) }),
  }),
);

export const moveAll = async (source: Backend, target: Backend): Promise<MigrationReport> => {
  // #region migrate
  const migration = migrate({
    name: 'to-postgres', // Run again under this name, it goes on where it was.
    from: source.events,
    to: target,
    schema, // Upcasters: events arrive in their newest version. Without it they stay as stored.
    map: (event) => (event.type === 'Heartbeat' ? undefined : event),
    onProgress: ({ phase, fraction, ratePerSecond, etaMs }) =>
      console.log(phase, Math.floor(fraction * 100), ratePerSecond, etaMs),
  });
  const report = await migration.done; // Fails unless both sides are the same.
  // #endregion migrate
  return report;
};

/** What the operator does to those who write. */
export interface Writers {
  hold(): Promise<void>;
  startOn(backend: Backend): Promise<void>;
}

export const cutOver = async (source: Backend, target: Backend, writers: Writers): Promise<void> => {
  // #region cut-over
  const migration = migrate({ name: 'move', from: source.events, to: target, follow: true });
  await migration.caughtUp(); // Days may pass here.

  await writers.hold(); // No append is under way any more.
  await migration.finish(); // The rest is copied, and all is verified.
  const position = await target.events.head();
  // A processor that must not do everything again:
  await target.checkpoints.move({ processor: 'letters', segment: 0, previous: undefined, position });
  await writers.startOn(target);
  // #endregion cut-over
};

export const rename = (store: Backend): Migration => {
  // #region in-place
  const migration = migrate({
    name: 'bills-to-accounts',
    from: store.events,
    to: store,
    filter: { streamPrefixes: ['bill-'] },
    schema,
    rename: {
      streams: (stream) => stream.replace(/^bill-/, 'account-'),
      types: { priced: 'account.priced' },
    },
    map: (event) => ({ ...event, schemaVersion: 1 }), // The new type begins with version 1.
    follow: true,
  });
  // #endregion in-place
  return migration;
};
