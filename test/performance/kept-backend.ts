import type { Backend } from '@tidemark/core';

/** A backend that the application neither opens nor closes: several of them run on it, one after the other. */
export const kept = (backend: Backend): Backend => ({
  name: backend.name,
  sql: backend.sql,
  events: backend.events,
  checkpoints: backend.checkpoints,
  snapshots: backend.snapshots,
  documents: backend.documents,
  timers: backend.timers,
  leases: backend.leases,
  deadLetters: backend.deadLetters,
  nodes: backend.nodes,
  transaction: (work) => backend.transaction(work),
  open: async () => {},
  close: async () => {},
});
