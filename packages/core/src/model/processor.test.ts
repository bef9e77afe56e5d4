import { describe, expect, it } from '@jest/globals';
import { Container, inject, injectable } from 'inversify';
import { MessageContext } from '../messages/context.js';
import { newId } from '../messages/ids.js';
import type { CommandHandlerDefinition } from './aggregate-definition.js';
import { attachDefinition } from './attached.js';
import { CommandHandler } from './command-handler.js';
import { definitionsOf } from './definitions-of.js';
import type { Class } from './definition.js';
import { tokenOf } from './handler-class.js';
import { callMethod } from './handled-messages.js';
import { Command, Event } from './message-decorators.js';
import type { HandlerContext, ProcessorDefinition } from './processor-definition.js';
import { On, Processor } from './processor.js';

@Event({ name: 'placed' })
class Placed {
  constructor(readonly id: string) {}
}

@Event({ name: 'paid' })
class Paid {}

@Command({ name: 'ship' })
class Ship {}

class Mails {
  readonly sent: unknown[] = [];
}

const key = () => 'one key';

@Processor({
  name: 'mailer',
  startFrom: 'end',
  concurrency: 3,
  batchSize: 9,
  retry: { attempts: 2 },
  filter: { streamPrefixes: ['order-'] },
  scope: 'message',
  key,
})
class Mailer {
  constructor(readonly mails: Mails) {}

  @On()
  placed(event: Placed, context: HandlerContext) {
    this.mails.sent.push(event.id, context.attempt);
  }

  @On(Paid, 'refunded')
  money(data: unknown) {
    this.mails.sent.push(data);
    return 'done';
  }
}

const processorOf = (type: Class): ProcessorDefinition => {
  const [definition] = definitionsOf(type);
  if (definition?.kind !== 'processor') throw new Error('no processor');
  return definition as ProcessorDefinition;
};

const containerWith = (...types: readonly Class[]): Container => {
  const container = new Container();
  const mails = new Mails();
  container.bind(Mails).toConstantValue(mails);
  for (const type of types)
    container
      .bind(tokenOf(type))
      .to(type as new () => object)
      .inSingletonScope();
  return container;
};

const event = (type: string, data: unknown) => ({
  id: newId(),
  stream: 's',
  version: 0,
  position: 1n,
  type,
  schemaVersion: 1,
  data,
  metadata: {},
  recordedAt: new Date(0),
});

describe('@Processor', () => {
  it('is a plain definition of what it handles and how', () => {
    expect(processorOf(Mailer)).toMatchObject({
      kind: 'processor',
      name: 'mailer',
      types: ['placed', 'paid', 'refunded'],
      startFrom: 'end',
      batchSize: 9,
      retry: { attempts: 2 },
      filter: { streamPrefixes: ['order-'] },
      handler: { class: Mailer, scope: 'message' },
      delivery: { mode: 'each', concurrency: 3, key },
    });
    expect(processorOf(Mailer).messages.map(({ class: type }) => type)).toEqual([Placed, Paid]);
  });

  it('resolves the class with its dependencies, and calls the method of the event without a promise', () => {
    const container = containerWith(Mailer);
    const { delivery } = processorOf(Mailer);
    if (delivery.mode !== 'each') throw new Error('wrong mode');
    const handle = (type: string, data: unknown) => {
      const recorded = event(type, data);
      const context = Object.assign(new MessageContext({ services: container }), {
        processor: 'mailer',
        event: recorded,
        attempt: 1,
      });
      return delivery.handle(recorded, context);
    };
    expect(handle('placed', new Placed('7'))).toBeUndefined();
    expect(handle('refunded', 5)).toBe('done');
    expect(handle('unknown', 6)).toBeUndefined();
    expect(container.get(Mails).sent).toEqual(['7', 1, 5]);
  });

  it('leaves a class that is injectable already as it is', () => {
    @injectable()
    @Processor({ name: 'own' })
    class Own {
      constructor(@inject(Mails) readonly mails: Mails) {}
      @On() paid(_event: Paid) {}
    }
    expect(processorOf(Own)).toMatchObject({ handler: { scope: 'singleton' } });
    expect(containerWith(Own).get(Own).mails).toBeInstanceOf(Mails);
  });

  it('must handle something', () => {
    @Processor({ name: 'idle' })
    class Idle {}
    expect(() => definitionsOf(Idle)).toThrow(/Idle \(@Processor at .*\) handles nothing/);
  });
});

describe('@CommandHandler outside of an aggregate', () => {
  it('makes one definition for each command, resolved through the container', () => {
    class Desk {
      @CommandHandler()
      ship(command: Ship, context: MessageContext) {
        return [command, context.userId];
      }
    }
    const [definition] = definitionsOf(Desk) as readonly CommandHandlerDefinition[];
    expect(definition).toMatchObject({ kind: 'command-handler', name: 'ship', handler: { class: Desk } });
    const context = new MessageContext({ services: containerWith(Desk), metadata: { userId: 'u' } });
    const command = new Ship();
    expect(definition?.handle(command, context)).toEqual([command, 'u']);
  });
});

describe('definitionsOf', () => {
  it('gives a definition back as it is, and what other packages attach in the order of the source', () => {
    const attach = (name: string) => (type: Class) =>
      attachDefinition(type, () => ({ kind: 'other', name, definedAt: type.name }));
    @attach('first')
    @attach('second')
    class Both {}
    const [first, second] = definitionsOf(Both);
    expect([first?.name, second?.name]).toEqual(['first', 'second']);
    expect(first && definitionsOf(first)).toEqual([first]);
  });

  it('refuses a class that describes nothing', () => {
    expect(() => definitionsOf(Mails)).toThrow(/Class Mails describes nothing: add @Aggregate/);
    class Orphan {
      @On() on(_event: Paid) {}
    }
    expect(() => definitionsOf(Orphan)).toThrow(/Orphan describes nothing/);
  });

  it('refuses a decorated handler that is no method', () => {
    expect(() => callMethod({ on: 1 }, 'on', [])).toThrow(
      /Object\.on is decorated as a handler but is no method/,
    );
  });
});
