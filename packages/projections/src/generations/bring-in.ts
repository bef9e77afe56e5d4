import type { RecordedEvent, Schema, Transaction } from '@tidemark/core';
import type { ProjectionDefinition } from '../definition.js';
import type { ModelStorage } from '../storage.js';

/** Most events that are read at a time. */
const batchSize = 1_000;

/** Brings all events behind a position into a generation, in one transaction that keeps their writers away. */
export const bringIn = async (
  tx: Transaction,
  schema: Schema,
  { definition, storage }: { readonly definition: ProjectionDefinition; readonly storage: ModelStorage },
  generation: number,
  position: bigint,
  signal: AbortSignal,
): Promise<void> => {
  const { types } = definition;
  const stored = schema.sourceTypes(types);
  let after = position;
  for (;;) {
    signal.throwIfAborted();
    const read: readonly RecordedEvent[] = await tx.readBehind(after, stored, batchSize);
    const last = read.at(-1);
    if (last === undefined) return;
    const events = schema.read(read).filter(({ type }) => types.includes(type));
    await storage.write(tx, generation, events, { isReplay: true, signal });
    after = last.position;
  }
};
