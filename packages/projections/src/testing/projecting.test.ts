import { describe, expect, it } from '@jest/globals';
import { Event, On } from '@tidemark/core';
import { IsDate, IsNotEmpty } from 'class-validator';
import type { DocumentContext } from '../definition.js';
import { documentProjection, type OnDocument } from '../documents/document-projection.js';
import { Projection } from '../projection.js';
import { tableProjection } from '../tables/table-projection.js';
import { projecting } from './index.js';

@Event({ name: 'kit.card-added' })
class CardAdded {
  @IsNotEmpty()
  readonly boardId: string;
  @IsDate()
  readonly due: Date;

  constructor(boardId: string, due = new Date(0)) {
    this.boardId = boardId;
    this.due = due;
  }
}

@Event({ name: 'kit.board-closed' })
class BoardClosed {
  constructor(readonly boardId: string) {}
}

interface Board {
  readonly cards: number;
  readonly due: string;
  readonly by?: string | undefined;
}

@Projection({ name: 'kit.board', key: 'boardId' })
class BoardProjection {
  @On() added(event: CardAdded, board: Board | undefined, { event: { metadata } }: DocumentContext): Board {
    return { cards: (board?.cards ?? 0) + 1, due: event.due.toISOString(), by: metadata.userId };
  }

  @On(BoardClosed) closed(): null {
    return null;
  }
}

const due = '1970-01-01T00:00:00.000Z';

describe('projecting', () => {
  it('folds events like the log gives them back, into documents as they are stored', () => {
    const given = projecting(BoardProjection).given(
      new CardAdded('a'),
      new CardAdded('a'),
      new CardAdded('b'),
    );
    expect(() =>
      given
        .thenDocument('a', { cards: 2, due })
        .thenDocument('b', { cards: 1, due, by: undefined })
        .thenDocuments({ a: { cards: 2, due }, b: { cards: 1, due } })
        .thenNoDocument('c'),
    ).not.toThrow();
  });

  it('takes plain events, and surroundings where a handler looks at them', () => {
    const given = projecting(BoardProjection)
      .given({ type: 'kit.card-added', data: { boardId: 'a', due } })
      .given({
        event: new CardAdded('a'),
        metadata: { userId: 'ada' },
        stream: 's',
        recordedAt: new Date(5),
      });
    expect(() => given.thenDocument('a', { cards: 2, due, by: 'ada' })).not.toThrow();
    expect(() => given.given(new BoardClosed('a')).thenNoDocument('a').thenDocuments({})).not.toThrow();
  });

  it('shows what differs, and where there is nothing, what there is instead', () => {
    const given = projecting(BoardProjection).given(new CardAdded('a'));
    expect(() => given.thenDocument('a', { cards: 2, due })).toThrow(
      /After 1 event, projection "kit.board" has another document "a" than expected:[^]*cards: 1[^]*cards: 2/,
    );
    expect(() => given.thenDocument('b', { cards: 2, due })).toThrow('has no document "b"; it has "a"');
    expect(() => given.thenNoDocument('a')).toThrow(/has a document "a", where none was expected:\n\{\n/);
    expect(() => given.thenDocuments({})).toThrow(/has other documents than expected/);
    expect(() => projecting(BoardProjection).thenDocument('b', { cards: 2, due })).toThrow(
      'After 0 events, projection "kit.board" has no document "b"; it has none at all',
    );
  });

  it('expects failures, and tells them from others and from none', () => {
    const poison = projecting(
      documentProjection({
        name: 'kit.poison',
        key: 'boardId',
        handlers: (on: OnDocument<Board>) => [
          on(CardAdded, () => {
            throw new Error('no such board');
          }),
        ],
      }),
    );
    const failing = poison
      .given(new CardAdded('a'))
      .thenFails(/"a" at event "kit.card-added".*no such board/);
    expect(() => failing.thenFails(/another/)).toThrow(/failed in another way/);
    expect(() => poison.thenFails(/no such board/)).toThrow(/did not fail as expected/);
    expect(() => failing.thenNoDocument('a')).toThrow(/no such board/);
  });

  it('refuses events that are not valid, or no events', () => {
    expect(() => projecting(BoardProjection).given(new CardAdded('')).thenNoDocument('')).toThrow(/boardId/);
    class NoEvent {}
    expect(() => projecting(BoardProjection).given(new NoEvent()).thenNoDocument('')).toThrow(/@Event/);
  });

  it('finds out handlers that are not pure', () => {
    let calls = 0;
    const impure = documentProjection({
      name: 'kit.impure',
      key: 'boardId',
      handlers: (on: OnDocument<{ calls: number }>) => [
        on(CardAdded, () => {
          calls += 1;
          return { calls };
        }),
      ],
    });
    expect(() => projecting(impure).given(new CardAdded('a')).thenDocument('a', { calls: 1 })).toThrow(
      /is not pure: the same events, folded again, gave other documents/,
    );
  });

  it('takes instances from a container where the class has dependencies', () => {
    class Labels {
      readonly prefix = 'board ';
    }
    @Projection({ name: 'kit.labelled', key: 'boardId' })
    class Labelled {
      constructor(readonly labels: Labels) {}

      @On() added(event: CardAdded, before: { label: string } | undefined): { label: string } {
        return before ?? { label: this.labels.prefix + event.boardId };
      }
    }
    const labelled = new Labelled(new Labels());
    const get = (): never => labelled as never;
    projecting(Labelled, { services: { get } })
      .given(new CardAdded('a'))
      .thenDocument('a', { label: 'board a' });
    expect(() => projecting(Labelled).given(new CardAdded('a')).thenNoDocument('a')).toThrow(
      'Labelled needs what only a container can give',
    );
  });

  it('says that table projections are tested on a database', () => {
    const tables = tableProjection({
      name: 'kit.tables',
      tables: ['kit'],
      setup: (tx, { kit }) => tx.query(`CREATE TABLE ${kit} ()`),
      handlers: (on) => [on(CardAdded, () => undefined)],
    });
    // @ts-expect-error it is no document projection
    expect(() => projecting(tables)).toThrow(/kit.tables is no document projection.*PGlite/);
  });
});
