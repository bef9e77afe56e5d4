import { Aggregate, AggregateId, Apply, Command, CommandHandler, Event } from '@tidemark/core';
import {
  documentProjection,
  type DocumentProjectionDefinition,
  type OnDocument,
  type ProjectionMode,
  tableProjection,
} from '@tidemark/projections';

/** An entry in a book, made by some writer: many writers, each a stream of its own, write to few books. */
@Event({ name: 'ledger.entered' })
export class Entered {
  constructor(
    readonly books: readonly string[],
    readonly amount: number,
  ) {}
}

@Command({ name: 'ledger.enter' })
export class Enter {
  @AggregateId() readonly writer: string;

  constructor(
    writer: string,
    readonly books: readonly string[],
    readonly amounts: readonly number[],
  ) {
    this.writer = writer;
  }
}

@Aggregate({ name: 'writer' })
export class Writer {
  entries = 0;

  @CommandHandler() enter({ books, amounts }: Enter): readonly Entered[] {
    return amounts.map((amount) => new Entered(books, amount));
  }

  @Apply(Entered) entered(): void {
    this.entries += 1;
  }
}

/** What is in a book: how it comes out depends on the order of the entries, and on each being there once. */
export interface Book {
  readonly count: number;
  readonly sum: number;
  readonly order: number;
  readonly last: string;
}

/** The same projection, async or inline, under one name each. */
export const ledger = (
  name: string,
  mode: ProjectionMode = 'async',
  version = 1,
): DocumentProjectionDefinition<Book, 'count'> =>
  documentProjection({
    name,
    mode,
    version,
    indexes: ['count'],
    handlers: (on: OnDocument<Book>) => [
      on(
        Entered,
        ({ amount }, book, { event }) => {
          if (amount === 13) throw new Error('nobody enters 13');
          if (amount === 99) return null;
          return {
            count: (book?.count ?? 0) + 1,
            sum: (book?.sum ?? 0) + amount,
            order: ((book?.order ?? 7) * 31 + amount) % 1_000_003,
            last: `${event.stream}@${event.version}`,
          };
        },
        { key: ({ books }) => books },
      ),
    ],
  });

/** The same as a table; its handler reads and then writes, which two at once must not do. */
export const ledgerTable = (name: string, mode: Exclude<ProjectionMode, 'live'>) => {
  const table = `${name}_books`;
  return tableProjection({
    name,
    mode,
    tables: [table],
    setup: (tx, tables) =>
      tx.query(
        `CREATE TABLE ${tables[table]} (book text PRIMARY KEY, count int NOT NULL, ordering int NOT NULL)`,
      ),
    handlers: (on) => [
      on(Entered, async ({ books, amount }, tx, { tables }) => {
        for (const book of books) {
          const { rows } = await tx.query<{ count: number; ordering: number }>(
            `SELECT count, ordering FROM ${tables[table]} WHERE book = $1`,
            [book],
          );
          const { count, ordering } = rows[0] ?? { count: 0, ordering: 7 };
          await tx.query(
            `INSERT INTO ${tables[table]} VALUES ($1, $2, $3)
               ON CONFLICT (book) DO UPDATE SET count = excluded.count, ordering = excluded.ordering`,
            [book, count + 1, (ordering * 31 + amount) % 1_000_003],
          );
        }
      }),
    ],
  });
};
