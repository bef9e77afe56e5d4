import { Aggregate, AggregateId, Command, CommandHandler, Event, On, type Transaction } from '@tidemark/core';
import {
  documentProjection,
  Key,
  Projection,
  tableProjection,
  type DocumentContext,
  type OnDocument,
  type TableContext,
  type TableProjectionClass,
} from '@tidemark/projections';
import { TaskAssigned, TaskFinished } from './first-app/messages.js';

@Event({ name: 'card.moved' })
export class CardMoved {
  constructor(
    readonly cardId: string,
    readonly from: string,
    readonly to: string,
  ) {}
}

@Event({ name: 'column.removed' })
export class ColumnRemoved {
  constructor(readonly column: string) {}
}

@Command({ name: 'card.move' })
export class MoveCard {
  @AggregateId() readonly cardId: string;

  constructor(
    cardId: string,
    readonly from: string,
    readonly to: string,
  ) {
    this.cardId = cardId;
  }
}

@Aggregate({ name: 'card' })
export class Card {
  @CommandHandler() move({ cardId, from, to }: MoveCard) {
    return new CardMoved(cardId, from, to);
  }
}

// #region keys
export interface Column {
  readonly name: string;
  readonly cards: number;
}

@Projection({ name: 'columns', indexes: ['cards'] })
export class Columns {
  // One event, two documents: the handler is called for each key.
  @On()
  @Key((event: CardMoved) => [event.from, event.to])
  moved(event: CardMoved, column: Column | undefined, { key }: DocumentContext): Column {
    return { name: key, cards: (column?.cards ?? 0) + (key === event.to ? 1 : -1) };
  }

  // `null` deletes the document; `undefined` leaves it as it is.
  @On(ColumnRemoved) @Key('column') removed(): null {
    return null;
  }
}
// #endregion keys

// #region by-hand
export const columns = documentProjection({
  name: 'columns-by-hand',
  indexes: ['cards'],
  handlers: (on: OnDocument<Column>) => [
    on(
      CardMoved,
      (event, column, { key }) => ({
        name: key,
        cards: (column?.cards ?? 0) + (key === event.to ? 1 : -1),
      }),
      { key: (event) => [event.from, event.to] },
    ),
    on(ColumnRemoved, () => null, { key: 'column' }),
  ],
});
// #endregion by-hand

// #region inline
@Projection({ name: 'whereabouts', mode: 'inline', key: 'cardId' })
export class Whereabouts {
  @On() moved({ to }: CardMoved): { readonly column: string } {
    return { column: to };
  }
}
// #endregion inline

// #region live
@Projection({ name: 'card-journeys', mode: 'live', key: 'cardId', source: (cardId) => `card-${cardId}` })
export class CardJourneys {
  @On() moved({ from, to }: CardMoved, journey: { columns: readonly string[] } | undefined) {
    return { columns: [...(journey?.columns ?? [from]), to] };
  }
}
// #endregion live

// #region tables
@Projection({ name: 'task-times', kind: 'table', tables: ['task_times'] })
export class TaskTimes implements TableProjectionClass {
  async setup(tx: Transaction, { task_times }: Record<'task_times', string>) {
    await tx.query(
      `CREATE TABLE ${task_times} (task text PRIMARY KEY, agent text NOT NULL, began timestamptz NOT NULL, ended timestamptz)`,
    );
  }

  @On() async assigned({ taskId, agent }: TaskAssigned, tx: Transaction, { event, tables }: TableContext) {
    await tx.query(`INSERT INTO ${tables['task_times']} (task, agent, began) VALUES ($1, $2, $3)`, [
      taskId,
      agent,
      event.recordedAt,
    ]);
  }

  @On() async finished({ taskId }: TaskFinished, tx: Transaction, { event, tables }: TableContext) {
    await tx.query(`UPDATE ${tables['task_times']} SET ended = $2 WHERE task = $1`, [
      taskId,
      event.recordedAt,
    ]);
  }
}
// #endregion tables

// #region tables-by-hand
export const finishedTasks = tableProjection({
  name: 'finished-tasks',
  tables: ['finished_tasks'],
  setup: (tx, { finished_tasks }) =>
    tx.query(`CREATE TABLE ${finished_tasks} (agent text PRIMARY KEY, count int NOT NULL)`),
  handlers: (on) => [
    on(TaskFinished, ({ agent }, tx, { tables: { finished_tasks } }) =>
      tx.query(
        `INSERT INTO ${finished_tasks} AS t VALUES ($1, 1) ON CONFLICT (agent) DO UPDATE SET count = t.count + 1`,
        [agent],
      ),
    ),
  ],
});
// #endregion tables-by-hand
