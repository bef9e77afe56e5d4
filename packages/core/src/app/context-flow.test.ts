import { setImmediate } from 'node:timers/promises';
import { describe, expect, it, jest } from '@jest/globals';
import { Container, inject, injectable } from 'inversify';
import { memory } from '../backend/memory/memory.js';
import { CommandBus } from '../commands/command-bus.js';
import { currentContext, MessageContext, withMetadata } from '../messages/context.js';
import type { RecordedEvent } from '../messages/event.js';
import { newId } from '../messages/ids.js';
import { Aggregate } from '../model/aggregate.js';
import type { CommandContext } from '../model/aggregate-definition.js';
import { CommandHandler } from '../model/command-handler.js';
import { AggregateId, Command, Event } from '../model/message-decorators.js';
import type { HandlerContext } from '../model/processor-definition.js';
import { On, Processor } from '../model/processor.js';
import { testApp } from '../testing/test-app.js';
import { Application } from './application.js';
import { createApp } from './create-app.js';

@Event({ name: 'asked' })
class Asked {
  readonly question: string;
  constructor(question: string) {
    this.question = question;
  }
}

@Event({ name: 'answered' })
class Answered {}

@Command({ name: 'ask' })
class Ask {
  @AggregateId() readonly talk: string;
  constructor(talk: string) {
    this.talk = talk;
  }
}

@Command({ name: 'answer' })
class Answer {
  @AggregateId() readonly talk: string;
  constructor(talk: string) {
    this.talk = talk;
  }
}

@Aggregate({ name: 'talk' })
class Talk {
  @CommandHandler() ask(command: Ask, context: CommandContext) {
    context.set('topic', 'tides');
    return new Asked(command.talk);
  }
  @CommandHandler() async *answer(_command: Answer) {
    await setImmediate();
    yield new Answered();
    // However deep and however asynchronous.
    currentContext()?.set('depth', 'deep');
  }
}

/** Of the message that is being handled when it is made. */
@injectable()
class Notebook {
  readonly page: string | undefined;
  constructor(@inject(MessageContext) context: MessageContext) {
    this.page = context.messageId;
  }
}

@Processor({ name: 'agent' })
class Agent {
  readonly #commands: CommandBus;
  readonly #app: Application;
  constructor(@inject(CommandBus) commands: CommandBus, @inject(Application) app: Application) {
    this.#commands = commands;
    this.#app = app;
  }
  @On() async asked(event: Asked, context: HandlerContext) {
    await setImmediate();
    context.set('agentId', 'oracle');
    await this.#commands.send(new Answer(event.question));
    expect(this.#app.get(CommandBus)).toBe(this.#commands);
  }
}

const all = async (backend: { events: ReturnType<typeof memory>['events'] }): Promise<RecordedEvent[]> => {
  const events: RecordedEvent[] = [];
  for await (const batch of backend.events.readAll()) events.push(...batch);
  return events;
};

describe('the context of a message', () => {
  it('flows from a command to its events, to the processor, to its command and on to the events of that', async () => {
    const { app, backend } = await testApp({ register: [Talk, Agent, Answered] });
    const id = newId();
    const result = await withMetadata({ userId: 'ann', traceparent: '00-1-2-01' }, () =>
      app.send(new Ask('t-1'), { id, metadata: { sessionId: 's-1' } }),
    );
    await app.waitFor(result);
    const [asked, answered] = await all(backend);
    const flowing = {
      userId: 'ann',
      sessionId: 's-1',
      traceparent: '00-1-2-01',
      topic: 'tides',
      correlationId: asked?.metadata.correlationId,
    };
    expect(asked?.metadata).toEqual({ ...flowing, correlationId: expect.any(String), causationId: id });
    expect(answered?.metadata).toMatchObject({ ...flowing, agentId: 'oracle', depth: 'deep' });
    // The cause of an event is its command; the command of the processor was caused by the event that it handled.
    expect(answered?.metadata.causationId).not.toBe(asked?.metadata.causationId);
    await app.stop();
  });

  it('names the event as the cause of the command that a processor sends', async () => {
    const causes: (string | undefined)[] = [];
    const { app, backend } = await testApp({
      register: [Talk, Agent, Answered],
      middleware: [
        (command, next) => {
          causes.push(command.metadata.causationId);
          return next(command);
        },
      ],
    });
    await app.waitFor(await app.send(new Ask('t-1')));
    const [asked] = await all(backend);
    expect(causes).toEqual([undefined, asked?.id]);
    await app.stop();
  });

  it('leads through the log from event to event, past the commands between them, which are not there', async () => {
    const { app, backend } = await testApp({ register: [Talk, Agent, Answered] });
    await app.waitFor(await app.send(new Ask('t-1')));
    const [asked, answered] = await all(backend);
    expect(asked?.metadata.causingEventId).toBeUndefined();
    expect(answered?.metadata.causingEventId).toBe(asked?.id);
    await app.stop();
  });
});

describe('dependencies of handlers', () => {
  @Command({ name: 'note' })
  class Note {}

  it('come from the container of the user, and from that of the message where it lives for one', async () => {
    class Pen {}
    const made: Note[] = [];
    const pages: unknown[] = [];
    const container = new Container();
    container.bind(Pen).toSelf().inSingletonScope();

    @injectable()
    class Desk {
      constructor(
        @inject(Pen) readonly pen: Pen,
        @inject(Notebook) readonly notebook: Notebook,
      ) {}
    }
    container.bind(Desk).toSelf();

    class Writer {
      @CommandHandler() note(command: Note, context: MessageContext) {
        made.push(command);
        const desk = context.services.get(Desk);
        expect(desk.pen).toBe(container.get(Pen));
        expect(desk.notebook).toBe(context.services.get(Notebook));
        pages.push(desk.notebook.page);
      }
    }

    const { app } = await testApp({
      register: [Writer],
      container,
      messageServices: (scope) => void scope.bind(Notebook).toSelf().inSingletonScope(),
    });
    const first = await app.send(new Note());
    const second = await app.send(new Note());
    expect(pages).toEqual([first.commandId, second.commandId]);
    await app.stop();
  });

  it('may be the context itself, also without services for messages', async () => {
    const container = new Container();
    container.bind(Notebook).toSelf();
    const pages: unknown[] = [];

    @Processor({ name: 'scribe', scope: 'message' })
    class Scribe {
      readonly #notebook: Notebook;
      constructor(@inject(Notebook) notebook: Notebook) {
        this.#notebook = notebook;
      }
      @On(Asked) asked(_event: Asked, context: HandlerContext) {
        pages.push(this.#notebook.page === context.event.id);
      }
    }

    const { app } = await testApp({ register: [Talk, Scribe], container });
    await app.send(new Ask('t-1'));
    await app.waitFor(await app.send(new Ask('t-2')));
    expect(pages).toEqual([true, true]);
    expect(() => app.get(Notebook)).toThrow('A MessageContext is only there while a message is handled');
    await app.stop();
  });

  it('of the one handler in the application are checked at the start, and must not belong to a message', async () => {
    const container = new Container();
    container.bind(Notebook).toSelf();

    @Processor({ name: 'hoarder' })
    class Hoarder {
      constructor(@inject(Notebook) readonly notebook: Notebook) {}
      @On(Asked) asked() {}
    }

    const keeping = createApp({ backend: memory(), register: [Hoarder], container });
    await expect(keeping.start()).rejects.toThrow('Hoarder cannot be made');
    await expect(keeping.start()).rejects.toThrow('give the handler the scope "message"');
    const missing = createApp({ backend: memory(), register: [Hoarder] });
    await expect(missing.start()).rejects.toThrow(/Hoarder cannot be made: .*Notebook/s);
  });

  it('are made once for the application, or as the user has bound them', async () => {
    const counted = jest.fn();

    class Once {
      constructor() {
        counted('once');
      }
      @CommandHandler(Note) note() {}
    }
    const messageServices = jest.fn();
    const { app } = await testApp({ register: [Once], messageServices });
    for (let count = 0; count < 3; count += 1) await app.send(new Note());
    await app.stop();
    expect(counted).toHaveBeenCalledTimes(1);
    // A handler that no message has to make costs no container for the message.
    expect(messageServices).not.toHaveBeenCalled();

    const container = new Container();
    const mine = new Once();
    container.bind(Once).toConstantValue(mine);
    counted.mockClear();
    const other = await testApp({ register: [Once], container });
    await other.app.send(new Note());
    await other.app.stop();
    expect(counted).not.toHaveBeenCalled();
  });
});
