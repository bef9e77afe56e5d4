import { setImmediate } from 'node:timers/promises';
import { afterEach, describe, expect, it } from '@jest/globals';
import {
  Aggregate,
  AggregateId,
  type Application,
  Appender,
  type Backend,
  Command,
  CommandHandler,
  ConfigurationError,
  createApp,
  type Definition,
  Event,
  memory,
  NotRunningError,
  On,
} from '@tidemark/core';
import {
  documentProjection,
  InlineBuildError,
  type OnDocument,
  Projection,
  ProjectionHandlerError,
  ProjectionReplacedError,
  Projections,
} from './index.js';

@Event({ name: 'noted' })
class Noted {
  constructor(
    readonly board: string,
    readonly text: string,
  ) {}
}

@Command({ name: 'note' })
class Note {
  @AggregateId() readonly author: string;

  constructor(
    author: string,
    readonly board: string,
    readonly text: string,
  ) {
    this.author = author;
  }
}

@Aggregate({ name: 'author' })
class Author {
  @CommandHandler() note({ board, text }: Note): Noted {
    return new Noted(board, text);
  }
}

interface Board {
  readonly texts: readonly string[];
}

@Projection({ name: 'boards', mode: 'inline', key: 'board' })
class Boards {
  @On() noted({ text }: Noted, board: Board | undefined): Board | null {
    if (text === 'poison') throw new Error('cannot take this');
    if (text === 'wipe') return null;
    return { texts: [...(board?.texts ?? []), text] };
  }
}

const running: Application[] = [];

const start = async (backend: Backend, ...register: (Definition | (new () => object))[]) => {
  const app = createApp({ backend, register: [Author, Noted, ...register] });
  running.push(app);
  await app.start();
  return {
    app,
    get projections() {
      return app.get(Projections);
    },
  };
};

afterEach(async () => {
  await Promise.all(running.splice(0).map((app) => app.stop()));
});

/** A board by hand, whose documents are found in an unusual way. */
const byKey = (key: Parameters<typeof documentProjection>[0]['key'], name = 'odd') =>
  documentProjection({
    name,
    mode: 'inline',
    key,
    handlers: (on: OnDocument<Board>) => [
      on(Noted, ({ text }, board) => ({ texts: [...(board?.texts ?? []), text] })),
    ],
  });

describe('an inline projection', () => {
  it('shows what a command did when the command is done, and is waited for no longer', async () => {
    const { app, projections } = await start(memory(), Boards);
    const result = await app.send(new Note('ada', 'b', 'one'));
    expect(await projections.of(Boards).get('b')).toEqual({ texts: ['one'] });
    await projections.waitFor(result);
    await app.send(new Note('bob', 'b', 'two'));
    expect(await projections.of(Boards).get('b')).toEqual({ texts: ['one', 'two'] });
    await app.send(new Note('bob', 'b', 'wipe'));
    expect(await projections.of(Boards).get('b')).toBeUndefined();
    expect(projections.status(Boards)).toEqual({
      name: 'boards',
      mode: 'inline',
      active: { number: 1, version: 1, mode: 'inline' },
      building: undefined,
      processor: undefined,
      rebuild: undefined,
    });
    expect(app.processors.size).toBe(0);
  });

  it('rolls the append back when its handler throws, and names projection and event', async () => {
    const backend = memory();
    const { app, projections } = await start(backend, Boards);
    await app.send(new Note('ada', 'b', 'one'));
    const failed: unknown = await app.send(new Note('ada', 'b', 'poison')).catch((error: unknown) => error);
    expect(failed).toBeInstanceOf(ProjectionHandlerError);
    expect(failed).toMatchObject({
      projection: 'boards',
      key: 'b',
      event: { type: 'noted', stream: 'author-ada', version: 1 },
    });
    expect(await backend.events.streamVersion('author-ada')).toBe(0);
    await app.send(new Note('ada', 'b', 'two'));
    expect(await projections.of(Boards).get('b')).toEqual({ texts: ['one', 'two'] });
  });

  it('takes a command that comes again once', async () => {
    const backend = memory();
    const id = '0198c0de-0000-7000-8000-000000000001';
    const first = await start(backend, Boards);
    await first.app.send(new Note('ada', 'b', 'one'), { id });
    const second = await start(sharing(backend), Boards);
    expect(await second.app.send(new Note('ada', 'b', 'one'), { id })).toMatchObject({
      alreadyHandled: true,
    });
    const again = { id: '0198c0de-0000-7000-8000-000000000002', type: 'noted', data: new Noted('b', 'two') };
    const appends = second.app.get(Appender);
    await appends.append('elsewhere', [again]);
    expect(await appends.append('elsewhere', [again])).toMatchObject({ alreadyAppended: true });
    expect(await second.projections.of(Boards).get('b')).toEqual({ texts: ['one', 'two'] });
  });

  it('finds documents by what is only known once an event is recorded', async () => {
    const projection = byKey(({ position, version }) => [`at ${position}`, `version ${version}`]);
    const { app, projections } = await start(memory(), projection);
    await app.send(new Note('ada', 'b', 'one'));
    await app.send(new Note('ada', 'b', 'two'));
    const { documents } = await projections.of(projection).find();
    expect(documents.map(({ key }) => key)).toEqual(['at 1', 'at 2', 'version 0', 'version 1']);
  });

  it('fails an append whose key selector throws, and one that has too many documents for locks of their own', async () => {
    const projection = byKey(({ data, position }) => {
      const { text } = data as Noted;
      if (text === 'poison') throw new Error('no key');
      return text === 'all' ? [...Array(300).keys()].map((index) => `k${index}`) : `k${position}`;
    });
    const { app, projections } = await start(memory(), projection);
    await expect(app.send(new Note('ada', 'b', 'poison'))).rejects.toThrow(/at event "noted" .*no key/);
    await app.send(new Note('ada', 'b', 'all'));
    expect(await projections.of(projection).count()).toBe(300);
  });

  it('goes with others of its kind in one transaction', async () => {
    const backend = memory();
    const other = byKey('board', 'other');
    const { app, projections } = await start(backend, Boards, other);
    await app.send(new Note('ada', 'b', 'one'));
    await expect(app.send(new Note('ada', 'b', 'poison'))).rejects.toThrow(ProjectionHandlerError);
    expect(await projections.of(other).get('b')).toEqual({ texts: ['one'] });
  });

  it('leaves appends of other events alone', async () => {
    const backend = memory();
    const { app } = await start(backend, Boards);
    await app.get(Appender).append('other', [{ type: 'unheard', data: {} }]);
    expect(await backend.events.streamVersion('other')).toBe(0);
  });

  it('is refused on a backend whose appends join no transaction', () => {
    const { events, ...rest } = parts(memory());
    const capabilities = { ...events.capabilities, transactionalAppend: false };
    const backend: Backend = {
      ...rest,
      name: 'odd',
      events: Object.create(events, { capabilities: { value: capabilities } }),
    };
    expect(() => createApp({ backend, register: [Author, Boards] })).toThrow(ConfigurationError);
    expect(() => createApp({ backend, register: [Author, Boards] })).toThrow(
      /inline projection "boards" writes in the transaction of each append, but appends of the backend "odd" cannot/,
    );
  });

  it('is built from the log before the first command is taken', async () => {
    const backend = memory();
    const before = await start(sharing(backend));
    for (let index = 0; index < 20; index += 1)
      await before.app.send(new Note('ada', `b${index % 2}`, `${index}`));
    const { app, projections } = await start(sharing(backend), Boards);
    await app.send(new Note('bob', 'b0', 'new'));
    const boards = await projections.of(Boards).getMany(['b0', 'b1']);
    expect(boards.get('b0')?.texts).toHaveLength(11);
    expect(boards.get('b1')?.texts).toHaveLength(10);
    expect(await backend.checkpoints.list()).toEqual([]);
  });

  it('lets no application start that cannot build it, and says what to do', async () => {
    const backend = memory();
    const before = await start(sharing(backend));
    await before.app.send(new Note('ada', 'b', 'poison'));
    const app = createApp({ backend: sharing(backend), register: [Author, Boards] });
    await expect(app.start()).rejects.toThrow(InlineBuildError);
    await expect(app.start()).rejects.toThrow(
      /"boards" must be built .* cannot take this Mend the cause and start again/,
    );
    expect(() => app.get(Projections).of(Boards)).not.toThrow();
    await expect(app.get(Projections).of(Boards).get('b')).rejects.toThrow(/is not there yet/);
  });

  it('ends its first build when the start is called off, and goes on there at the next', async () => {
    const backend = memory();
    const before = await start(sharing(backend));
    for (let index = 0; index < 30; index += 1) await before.app.send(new Note('ada', 'b', `${index}`));
    let folded = 0;
    const held = (onFold: () => void) =>
      documentProjection({
        name: 'boards',
        mode: 'inline',
        batchSize: 1,
        key: 'board',
        handlers: (on: OnDocument<Board>) => [
          on(Noted, ({ text }, board) => {
            onFold();
            return { texts: [...(board?.texts ?? []), text] };
          }),
        ],
      });
    const app = createApp({
      backend: sharing(backend),
      register: [
        Author,
        held(() => {
          folded += 1;
          if (folded === 1) void app.stop();
        }),
      ],
    });
    await expect(app.start()).rejects.toThrow(NotRunningError);
    const definition = held(() => undefined);
    const { projections } = await start(sharing(backend), definition);
    expect((await projections.of(definition).get('b'))?.texts).toHaveLength(30);
  });

  it('pitfall 17: is rebuilt while appends go on, and counts each of them once', async () => {
    const backend = memory();
    const { app, projections } = await start(backend, Boards);
    let sent = 0;
    const ended = new AbortController();
    const sending = (async () => {
      while (!ended.signal.aborted) {
        await app.send(new Note(`a${sent % 3}`, 'b', `${sent}`));
        sent += 1;
        await setImmediate();
      }
    })();
    for (let round = 0; round < 5; round += 1) await projections.rebuild(Boards, { batchSize: 10 });
    ended.abort();
    await sending;
    const texts = [...Array(sent).keys()].map(String);
    expect(await projections.of(Boards).get('b')).toEqual({ texts });
    expect(projections.status(Boards).active).toEqual({ number: 6, version: 1, mode: 'inline' });
  });

  it('sees what was appended past the application when it is rebuilt', async () => {
    const backend = memory();
    const { projections } = await start(backend, Boards);
    await backend.events.append('past', [{ type: 'noted', data: { board: 'b', text: 'past' } }]);
    expect(await projections.of(Boards).get('b')).toBeUndefined();
    await projections.rebuild(Boards);
    expect(await projections.of(Boards).get('b')).toEqual({ texts: ['past'] });
  });

  it('takes the place of an async one of its name, and the other way round, each built anew', async () => {
    const backend = memory();
    const asAsync = documentProjection({
      name: 'odd',
      key: 'board',
      handlers: (on: OnDocument<Board>) => [
        on(Noted, ({ text }, board) => ({ texts: [...(board?.texts ?? []), text] })),
      ],
    });
    const first = await start(sharing(backend), asAsync);
    await first.projections.waitFor(await first.app.send(new Note('ada', 'b', 'one')));
    const second = await start(sharing(backend), byKey('board'));
    await second.app.send(new Note('ada', 'b', 'two'));
    expect(await second.projections.of(byKey('board')).get('b')).toEqual({ texts: ['one', 'two'] });
    expect(second.projections.status('odd').active).toEqual({ number: 2, version: 1, mode: 'inline' });
    await first.app.stop();
    const third = await start(sharing(backend), asAsync);
    await third.projections.waitFor(await backend.events.head());
    expect(third.projections.status('odd').active).toEqual({ number: 3, version: 1 });
    await expect(second.app.send(new Note('ada', 'b', 'three'))).rejects.toThrow(ProjectionReplacedError);
    await expect(second.app.send(new Note('ada', 'b', 'three'))).rejects.toThrow(
      /switched to version 1 \(async\)/,
    );
    expect(await third.projections.of(asAsync).get('b')).toEqual({ texts: ['one', 'two'] });
  });
});

/** The parts of a backend, whose methods are not its own properties. */
const parts = (backend: Backend): Backend => ({
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
  open: () => backend.open(),
  close: () => backend.close(),
});

/** The same data for a further application, whose end does not close it. */
const sharing = (backend: Backend): Backend => ({ ...parts(backend), close: async () => undefined });
