import { Event, On, type Transaction } from '@tidemark/core';
import { expectTypeOf } from 'expect-type';
import {
  type DocumentOf,
  documentProjection,
  type FieldPath,
  Key,
  type OnDocument,
  Projection,
  type Projections,
  tableProjection,
} from './index.js';

@Event({ name: 'typed.card-added' })
class CardAdded {
  constructor(
    readonly boardId: string,
    readonly title: string,
    readonly labels: readonly string[],
    readonly size: number,
  ) {}
}

interface Board {
  readonly status: 'open' | 'closed';
  readonly cards: number;
  readonly owner?: { readonly id: string; readonly tags: readonly string[] } | undefined;
}

declare const projections: Projections;

// Paths of what can be indexed.
expectTypeOf<FieldPath<Board>>().toEqualTypeOf<'status' | 'cards' | 'owner.id'>();
expectTypeOf<FieldPath<object>>().toEqualTypeOf<never>();

// By hand: events, documents and indexes are inferred.
const board = documentProjection({
  name: 'board',
  indexes: ['status', 'owner.id'],
  key: 'boardId',
  handlers: (on: OnDocument<Board>) => [
    on(CardAdded, (card, document, context) => {
      expectTypeOf(card).toEqualTypeOf<CardAdded>();
      expectTypeOf(document).toEqualTypeOf<Board | undefined>();
      expectTypeOf(context.key).toEqualTypeOf<string>();
      return { status: 'open', cards: 1 };
    }),
    on(CardAdded, () => null, { key: 'boardId' }),
    on(CardAdded, () => undefined, { key: (card) => [card.boardId, ...card.labels] }),
    on('typed.renamed', (data: { readonly to: string }, document) => document, { key: (data) => data.to }),
    // @ts-expect-error no such property of the event
    on(CardAdded, () => null, { key: 'nothing' }),
    // @ts-expect-error not a document
    on(CardAdded, () => ({ status: 'ajar', cards: 1 })),
  ],
});

documentProjection({
  name: 'board',
  // @ts-expect-error a list cannot be indexed
  indexes: ['owner.tags'],
  handlers: (on: OnDocument<Board>) => [on(CardAdded, () => null, { key: 'boardId' })],
});

// Queries know the declared indexes and the types of their fields.
const model = projections.of(board);
expectTypeOf(model.get('a')).toEqualTypeOf<Promise<Board | undefined>>();
void model.find({ where: { status: 'open', 'owner.id': { in: ['a', null] } }, orderBy: 'status' });
void model.count({ status: { gte: 'closed' } });
// @ts-expect-error not declared as an index
void model.find({ orderBy: 'cards' });
// @ts-expect-error not declared as an index
void model.find({ where: { cards: 1 } });
// @ts-expect-error not a value of the field
void model.find({ where: { status: 'ajar' } });
// @ts-expect-error not a value of the field
void model.find({ where: { 'owner.id': { gt: 5 } } });

// By class: the documents are those of the handlers' second parameter.
@Projection({ name: 'cards' })
class Cards {
  readonly limit = 5;

  @On() @Key('boardId') added({ title }: CardAdded, document: Board | undefined): Board | undefined {
    return title === '' ? undefined : this.helper(document);
  }

  @On('typed.renamed') @Key((data: { readonly to: string }) => data.to) renamed(data: {
    readonly to: string;
  }): null {
    expectTypeOf(data.to).toEqualTypeOf<string>();
    return null;
  }

  // A handler that does not look at the event says nothing about its type.
  @On('typed.removed') @Key('boardId') removed(): null {
    return null;
  }

  helper(document: Board | undefined): Board | undefined {
    return document;
  }
}
expectTypeOf<DocumentOf<Cards>>().toEqualTypeOf<Board>();
expectTypeOf(projections.of(Cards).get('a')).toEqualTypeOf<Promise<Board | undefined>>();
void projections.of(Cards).find({ where: { 'owner.id': 'a' } });
// @ts-expect-error no such field
void projections.of(Cards).find({ where: { nothing: 1 } });

class Wrong {
  // @ts-expect-error no such property of the event
  @Key('nothing') added(event: CardAdded): null {
    void event;
    return null;
  }

  // @ts-expect-error the property is no key
  @Key('size') sized(event: CardAdded): null {
    void event;
    return null;
  }

  // @ts-expect-error the selector takes another event
  @Key((event: { readonly other: string }) => event.other) other(event: CardAdded): null {
    void event;
    return null;
  }
}
void Wrong;

// Tables by hand: the names are inferred.
tableProjection({
  name: 'totals',
  tables: ['totals', 'by_size'],
  setup: async (tx, tables) => {
    expectTypeOf(tables).toEqualTypeOf<Readonly<Record<'totals' | 'by_size', string>>>();
    await tx.query(`CREATE TABLE ${tables.totals} ()`);
  },
  handlers: (on) => [
    on(CardAdded, (card, tx, { tables }) => {
      expectTypeOf(card).toEqualTypeOf<CardAdded>();
      expectTypeOf(tx).toEqualTypeOf<Transaction>();
      // @ts-expect-error not declared
      return tx.query(`INSERT INTO ${tables.nothing} DEFAULT VALUES`);
    }),
  ],
});

// @ts-expect-error a class of tables needs a setup
@Projection({ kind: 'table', name: 'no-setup', tables: ['t'] })
class NoSetup {
  @On() async added({ boardId }: CardAdded, tx: Transaction): Promise<void> {
    await tx.query('SELECT $1', [boardId]);
  }
}
void NoSetup;
