import { On, Processor, type Application, type HandlerContext } from '@tidemark/core';
import { TaskAssigned } from './first-app/messages.js';

/** A system that refuses tokens older than one that it has seen. */
export abstract class Ledger {
  abstract write(entry: {
    readonly id: string;
    readonly text: string;
    readonly token: number;
  }): Promise<void>;
}

// #region processor
@Processor({
  name: 'ledger',
  segments: 8, // Shared by all nodes. Default: 16; 1: one node at a time has all of it.
  key: (event) => event.stream, // What falls into one segment together, and stays in order. This is the default.
})
export class LedgerEntries {
  constructor(private readonly ledger: Ledger) {}

  @On() assigned({ what }: TaskAssigned, { event, fencingToken = 0 }: HandlerContext) {
    // Grows each time that the segment gets another node: let what you write to refuse a smaller one than it has seen.
    return this.ledger.write({ id: event.id, text: what, token: fencingToken });
  }
}
// #endregion processor

// #region look
export const look = async (app: Application): Promise<void> => {
  for (const { name, version, processors } of await app.nodes()) console.log(name, version, processors);
  console.log(app.processors.get('ledger')?.status().segments); // Of this node: ['0/7', '3/7', …]
};
// #endregion look

export const grow = async (app: Application): Promise<void> =>
  // #region divide
  app.divide('ledger', 32);
// #endregion divide
