import { afterAll, beforeAll, describe, it } from '@jest/globals';
import { KurrentDBClient } from '@kurrent/kurrentdb-client';
import { eventStoreDb, type EventStoreDbOptions } from '@tidemark/adapters/eventstoredb';
import { pglite } from '@tidemark/adapters/pglite';
import { memory, type Backend } from '@tidemark/core';
import { backendConformance, eventStoreConformance } from '@tidemark/core/testing';
import { startEventStoreDb, type EventStoreDb } from '../support/eventstoredb/start.js';

/** The suites append more at once than the server takes unless it is told to. */
const maxAppendBytes = 16_000_000;

/** State that several backends of one test share: each may be closed without closing it for the others. */
const shared = (state: Backend): Backend => ({
  ...state,
  name: state.name,
  sql: state.sql,
  events: state.events,
  checkpoints: state.checkpoints,
  snapshots: state.snapshots,
  documents: state.documents,
  timers: state.timers,
  leases: state.leases,
  deadLetters: state.deadLetters,
  nodes: state.nodes,
  transaction: (work) => state.transaction(work),
  open: async () => undefined,
  close: async () => undefined,
});

describe('the conformance suites on EventStoreDB', () => {
  let server: EventStoreDb;
  beforeAll(async () => {
    server = await startEventStoreDb({ maxAppendSize: maxAppendBytes });
  }, 60_000);
  afterAll(async () => {
    await server.close();
  });

  /** @param withEvents whether the rules of event stores are tried, too: they know nothing of the state */
  const suites = (
    makeState: () => Backend,
    withEvents: boolean,
    target = (connectionString: string): Partial<EventStoreDbOptions> => ({ connectionString }),
  ): void => {
    let state: Backend;
    let backend: Backend;
    const make = (own: Backend): Backend =>
      eventStoreDb({ ...target(server.connectionString), state: own, maxAppendBytes });
    const open = async (own: Backend = shared(state)): Promise<Backend> => {
      const opened = make(own);
      await opened.open();
      return opened;
    };
    beforeAll(async () => {
      state = makeState();
      await state.open();
      backend = await open();
    }, 60_000);
    afterAll(async () => {
      await backend.close();
      await state.close();
    });
    const staysOpen = async (): Promise<void> => undefined;

    if (withEvents) {
      eventStoreConformance({
        describe,
        it,
        create: async () => ({
          store: backend.events,
          async connect() {
            const another = await open();
            return { store: another.events, close: () => another.close() };
          },
          async reopen() {
            await backend.close();
            await backend.open();
            return backend.events;
          },
          close: staysOpen,
        }),
      });
    }
    backendConformance({
      describe,
      it,
      create: async () => ({ backend, oneWriter: true, close: staysOpen }),
      async createToClose() {
        const another = await open(makeState());
        return { backend: another, close: () => another.close() };
      },
    });
  };

  describe('with its state in memory', () => {
    suites(memory, true);
  });

  describe('with its state in PGlite', () => {
    suites(pglite, false);
  });

  // Each of its reads takes some 40 ms, and it needs a server in another process (EVENTSTOREDB_URL): kurrentdb-client.test.ts
  // tries in short what is different with it.
  if (process.env['KURRENTDB_CLIENT'] === '1') {
    describe('through the client of KurrentDB', () => {
      suites(memory, true, (url) => ({
        client: KurrentDBClient.connectionString(url.replace('esdb:', 'kurrentdb:')),
      }));
    });
  }
});
