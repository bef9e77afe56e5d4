import { beforeEach, describe, expect, it } from '@jest/globals';
import { IsPositive } from 'class-validator';
import { memory } from '../backend/memory/memory.js';
import type { Backend } from '../backend/backend.js';
import { systemClock } from '../clock.js';
import { NestedCommandError } from '../aggregates/errors.js';
import { InvalidArgumentError } from '../log/errors.js';
import { currentContext, withMetadata, MessageContext } from '../messages/context.js';
import { newId } from '../messages/ids.js';
import { Aggregate, Apply } from '../model/aggregate.js';
import type { CommandContext } from '../model/aggregate-definition.js';
import { CommandHandler } from '../model/command-handler.js';
import { decider } from '../model/decider.js';
import type { Class, Definition } from '../model/definition.js';
import { definitionsOf } from '../model/definitions-of.js';
import { AggregateId, Command, Event } from '../model/message-decorators.js';
import { Problems } from '../observation/problems.js';
import { DuplicateNameError, UnknownMessageError, ValidationError } from '../schema/errors.js';
import { Schema } from '../schema/schema.js';
import type { CommandBus } from './command-bus.js';
import { createCommandBus } from './create-command-bus.js';
import { NotRunningError, UnknownCommandError } from './errors.js';

@Event({ name: 'deposited' })
class Deposited {
  @IsPositive() readonly amount: number;
  constructor(amount: number) {
    this.amount = amount;
  }
}

@Command({ name: 'deposit' })
class Deposit {
  @AggregateId() readonly account: string;
  @IsPositive() readonly amount: number;
  constructor(account: string, amount: number) {
    this.account = account;
    this.amount = amount;
  }
}

@Command({ name: 'unlucky' })
class Unlucky {
  @AggregateId() readonly account = 'a';
}

class Refused extends Error {}

@Aggregate({ name: 'account' })
class Account {
  balance = 0;

  @CommandHandler() deposit(command: Deposit, context: CommandContext) {
    context.set('tellers', 1);
    return new Deposited(command.amount);
  }

  @CommandHandler() unlucky(_command: Unlucky) {
    return new Deposited(-1);
  }

  @Apply() deposited(event: Deposited) {
    this.balance += event.amount;
  }
}

const busOn = (backend: Backend, ...register: (Class | Definition)[]): CommandBus => {
  const schema = new Schema();
  const { commands } = createCommandBus({
    backend,
    appends: backend.events,
    schema,
    problems: new Problems(systemClock),
    services: () => ({
      get: () => {
        throw new Error('no services in this test');
      },
    }),
    cachedAggregates: 10,
    attempts: 10,
  });
  for (const definition of register.flatMap((listed) => definitionsOf(listed))) {
    if (definition.kind === 'aggregate' || definition.kind === 'command-handler') {
      const target = definition as Parameters<CommandBus['register']>[0];
      for (const message of target.messages) schema.register(message);
      commands.register(target);
    }
  }
  commands.open();
  return commands;
};

let backend: Backend;

beforeEach(async () => {
  backend = memory();
  await backend.open();
});

describe('the command bus', () => {
  it('has the aggregate decide and appends its events', async () => {
    const bus = busOn(backend, Account);
    const result = await bus.send(new Deposit('a', 5));
    expect(result).toMatchObject({ stream: 'account-a', version: 0, alreadyHandled: false });
    expect(result.position).toBe(await backend.events.head());
    expect(result.events).toHaveLength(1);
    expect(result.events[0]).toMatchObject({ type: 'deposited', version: 0, position: result.position });
    expect(result.events[0]?.data).toBeInstanceOf(Deposited);
    await expect(bus.send(new Deposit('a', 5))).resolves.toMatchObject({ version: 1 });
  });

  it('takes commands without a class too', async () => {
    const bus = busOn(backend, Account);
    await expect(bus.send({ type: 'deposit', data: { account: 'a', amount: 2 } })).resolves.toMatchObject({
      version: 0,
    });
    await expect(bus.send({ type: 'deposit', data: { account: 'a', amount: -2 } })).rejects.toThrow(
      ValidationError,
    );
  });

  it('validates the command before it is handled and the events before they are appended', async () => {
    const bus = busOn(backend, Account);
    await expect(bus.send(new Deposit('a', -5))).rejects.toThrow(ValidationError);
    const invalidEvent = bus.send(new Unlucky());
    await expect(invalidEvent).rejects.toThrow(ValidationError);
    await expect(invalidEvent).rejects.toMatchObject({ messageType: 'deposited' });
    await expect(backend.events.streamVersion('account-a')).resolves.toBeUndefined();
  });

  it('says what nobody handles, and what is no command', async () => {
    const bus = busOn(backend, Account);
    await expect(bus.send({ type: 'withdraw', data: {} })).rejects.toThrow(UnknownCommandError);
    await expect(bus.send(new Deposited(1))).rejects.toThrow(UnknownMessageError);
    await expect(bus.send(new Deposit('a', 1), { id: 'mine' })).rejects.toThrow(InvalidArgumentError);
  });

  it('lets domain errors pass as they are', async () => {
    const refusing = decider({
      name: 'refusing',
      commands: ['ask'],
      initialState: () => ({}),
      decide(_command: { type: 'ask'; data: object }): never[] {
        throw new Refused('no');
      },
      evolve: (state, _event: { type: 'asked'; data: object }) => state,
      target: () => '1',
    });
    await expect(busOn(backend, refusing).send({ type: 'ask', data: {} })).rejects.toThrow(Refused);
  });

  it('refuses a target that is no id', async () => {
    const lost = decider({
      name: 'lost',
      commands: ['find'],
      initialState: () => ({}),
      decide: (_command: { type: 'find'; data: object }) => ({ type: 'found' as const, data: {} }),
      evolve: (state, _event: { type: 'found'; data: object }) => state,
      target: () => '',
    });
    await expect(busOn(backend, lost).send({ type: 'find', data: {} })).rejects.toThrow(
      'The id of aggregate "lost" in command "find" must be a non-empty string.',
    );
  });

  it('refuses two handlers of one command, naming both places', () => {
    class Other {
      @CommandHandler(Deposit) deposit() {}
    }
    expect(() => busOn(backend, Account, Other)).toThrow(DuplicateNameError);
    expect(() => busOn(backend, Account, Account)).not.toThrow();
  });

  it('takes no commands before it is opened and after it is closed', async () => {
    const bus = busOn(backend, Account);
    await bus.close();
    await expect(bus.send(new Deposit('a', 1))).rejects.toThrow(NotRunningError);
  });

  it('gives up when the signal is aborted, before anything is decided', async () => {
    const bus = busOn(backend, Account);
    const signal = AbortSignal.abort(new Error('changed my mind'));
    await expect(bus.send(new Deposit('a', 1), { signal })).rejects.toThrow('changed my mind');
    await expect(backend.events.head()).resolves.toBe(0n);
  });

  it('refuses a command that an aggregate sends while it decides', async () => {
    const nesting = decider({
      name: 'nesting',
      commands: ['nest'],
      initialState: () => ({}),
      decide: async (_command: { type: 'nest'; data: object }) => {
        await bus.send(new Deposit('a', 1));
      },
      evolve: (state, _event: { type: 'nested'; data: object }) => state,
      target: () => '1',
    });
    const bus = busOn(backend, Account, nesting);
    await expect(bus.send({ type: 'nest', data: {} })).rejects.toThrow(NestedCommandError);
  });
});

describe('a command handler outside of aggregates', () => {
  it('is run with a context, and its value is the result', async () => {
    const handler = {
      kind: 'command-handler' as const,
      name: 'transfer',
      definedAt: 'here',
      messages: [],
      handle: async (command: unknown, context: MessageContext) => {
        expect(currentContext()).toBe(context);
        expect(() => context.services.get(String)).toThrow('no services in this test');
        const { position } = await bus.send(new Deposit('b', 3));
        return { command, position };
      },
    };
    const bus = busOn(backend, Account, handler);
    const id = newId();
    const result = await bus.send({ type: 'transfer', data: 1 }, { id, metadata: { userId: 'ann' } });
    expect(result).toEqual({
      commandId: id,
      events: [],
      alreadyHandled: false,
      value: { command: { type: 'transfer', data: 1 }, position: await backend.events.head() },
    });
    for await (const [event] of backend.events.readStream('account-b')) {
      expect(event?.metadata).toMatchObject({ userId: 'ann', correlationId: id });
    }
    expect.assertions(4);
  });
});

describe('metadata', () => {
  it('flows from the sender through the command into its events', async () => {
    const bus = busOn(backend, Account);
    const id = newId();
    const { events } = await withMetadata({ userId: 'ann', correlationId: 'c-1' }, () =>
      bus.send(new Deposit('a', 1), { id, metadata: { agentId: 'teller' } }),
    );
    expect(events[0]?.metadata).toEqual({
      userId: 'ann',
      correlationId: 'c-1',
      agentId: 'teller',
      causationId: id,
      tellers: 1,
    });
  });

  it('starts a correlation with the command where there is none', async () => {
    const bus = busOn(backend, Account);
    const { commandId, events } = await bus.send(new Deposit('a', 1));
    expect(events[0]?.metadata).toEqual({ correlationId: commandId, causationId: commandId, tellers: 1 });
  });
});

describe('middleware', () => {
  it('sees every command, the first one added outermost, and may pass on another envelope', async () => {
    const bus = busOn(backend, Account);
    const seen: string[] = [];
    bus.use(async (command, next) => {
      seen.push(`outer ${command.type}`);
      const result = await next({ ...command, metadata: { ...command.metadata, tenant: 't-1' } });
      seen.push('outer done');
      return result;
    });
    bus.use(async (command, next) => {
      seen.push(`inner ${String(command.metadata['tenant'])}`);
      return next({ ...command, command: new Deposit('b', 7) });
    });
    const result = await bus.send(new Deposit('a', 1));
    expect(seen).toEqual(['outer deposit', 'inner t-1', 'outer done']);
    expect(result).toMatchObject({ stream: 'account-b' });
    expect(result.events[0]?.metadata).toMatchObject({ tenant: 't-1' });
  });

  it('may refuse, or answer by itself', async () => {
    const bus = busOn(backend, Account);
    bus.use(async (command, next) => {
      if (command.command instanceof Unlucky) throw new Refused('not allowed');
      if (command.type === 'ping')
        return { commandId: command.id, events: [], alreadyHandled: false, value: 'pong' };
      return next(command);
    });
    await expect(bus.send(new Unlucky())).rejects.toThrow(Refused);
    await expect(bus.send({ type: 'ping', data: null })).resolves.toMatchObject({ value: 'pong' });
  });

  it('may give the command an id that can come again', async () => {
    const bus = busOn(backend, Account);
    const id = newId();
    bus.use((command, next) => next({ ...command, id }));
    await expect(bus.send(new Deposit('a', 1))).resolves.toMatchObject({ alreadyHandled: false });
    await expect(bus.send(new Deposit('a', 1))).resolves.toMatchObject({ alreadyHandled: true, version: 0 });
  });
});
