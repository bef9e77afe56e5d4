import { describe, expect, it } from '@jest/globals';
import { memory } from '../backend/memory/memory.js';
import { CommandBus } from '../commands/command-bus.js';
import { ConfigurationError } from '../error.js';
import { Aggregate, Apply } from '../model/aggregate.js';
import type { AggregateDefinition } from '../model/aggregate-definition.js';
import { CommandHandler } from '../model/command-handler.js';
import type { Definition } from '../model/definition.js';
import { AggregateId, Command, Event } from '../model/message-decorators.js';
import type { ProcessorDefinition } from '../model/processor-definition.js';
import { Processor, On } from '../model/processor.js';
import { upcaster } from '../model/upcaster.js';
import { DuplicateNameError } from '../schema/errors.js';
import type { Composition, InstallableDefinition } from './composition.js';
import { createApp } from './create-app.js';

@Event({ name: 'rang' })
class Rang {}

@Command({ name: 'ring' })
class Ring {
  @AggregateId() readonly bell: string = 'b';
}

@Aggregate({ name: 'bell' })
class Bell {
  @CommandHandler() ring(_command: Ring) {
    return new Rang();
  }
  @Apply(Rang) rang() {}
}

@Processor({ name: 'listener' })
class Listener {
  @On() rang(_event: Rang) {}
}

const compose = (...register: Parameters<typeof createApp>[0]['register']) =>
  createApp({ backend: memory(), register });

const aggregate = (name: string): AggregateDefinition => ({
  kind: 'aggregate',
  name,
  definedAt: `${name}.ts:1:1`,
  commands: [],
  messages: [],
  targetOf: () => '1',
  initialState: () => ({}),
  decide: () => undefined,
  evolve: (state) => state,
});

const processor = (name: string): ProcessorDefinition => ({
  kind: 'processor',
  name,
  definedAt: `${name}.ts:1:1`,
  messages: [],
  delivery: { mode: 'each', handle: () => undefined },
});

describe('composing an application', () => {
  it('takes classes and definitions, with the messages that they mention', () => {
    const old = upcaster({ event: 'older', from: 1, to: [{ type: 'rang', version: 1 }], upcast: () => [] });
    const app = compose(Bell, Listener, old, processor('by-hand'));
    expect(app.definitions.map(({ kind, name }) => `${kind} ${name}`).toSorted()).toEqual(
      [
        'aggregate bell',
        'command ring',
        'event rang',
        'processor by-hand',
        'processor listener',
        `upcaster ${old.name}`,
      ].toSorted(),
    );
    expect([...app.processors.keys()]).toEqual(['listener', 'by-hand']);
  });

  it('takes the same definition twice as once', () => {
    expect(compose(Bell, Bell, Rang).definitions).toHaveLength(3);
  });

  it('refuses two definitions of one name, naming both places', () => {
    const duplicate = (() => {
      @Aggregate({ name: 'bell' })
      class Gong {
        @Apply(Rang) rang() {}
      }
      return Gong;
    })();
    expect(() => compose(Bell, duplicate)).toThrow(DuplicateNameError);
    expect(() => compose(Bell, duplicate)).toThrow(
      /create-app\.test\.ts:\d+:\d+.*create-app\.test\.ts:\d+:\d+/,
    );
  });

  it('refuses two processors of one name, of whatever kind they are', () => {
    const projection: InstallableDefinition = {
      kind: 'projection',
      name: 'listener-view',
      definedAt: 'view.ts:1:1',
      install: (composition) => void composition.addProcessor(processor('listener')),
    };
    expect(() => compose(Listener, projection)).toThrow(DuplicateNameError);
    expect(() => compose(projection, Listener)).toThrow(/kind "processor".*"listener"/);
  });

  it('refuses aggregates that could share a stream', () => {
    expect(() => compose(aggregate('order'), aggregate('order-item'))).toThrow(
      'Aggregates "order" (order.ts:1:1) and "order-item" (order-item.ts:1:1) could share a stream',
    );
    expect(() => compose(aggregate('order-item'), aggregate('order'))).toThrow(ConfigurationError);
    expect(() => compose(aggregate('order'), aggregate('orders'), aggregate('item'))).not.toThrow();
  });

  it('refuses what it does not know', () => {
    const unknown: Definition = { kind: 'gadget', name: 'g', definedAt: 'g.ts:1:1' };
    expect(() => compose(unknown)).toThrow('"g" (g.ts:1:1) is of kind "gadget", which cannot be registered');
  });

  it('pitfall 21: says what a handler lacks whose constructor parameters have no known types', () => {
    class Unmarked {
      constructor(readonly bus: CommandBus) {}
      @CommandHandler(Ring) ring() {}
    }
    expect(() => compose(Unmarked)).toThrow(/Unmarked cannot be made.*add @injectable\(\)/);
  });

  it('refuses upcasters that lead nowhere, before anything starts', () => {
    expect(() => compose(upcaster({ event: 'rang', from: 3, upcast: (data) => data }), Rang)).toThrow(
      ConfigurationError,
    );
  });

  it.each([
    ['cachedAggregates', -1],
    ['commandAttempts', 0],
    ['drainMs', 0.5],
  ])('refuses %s of %p', (option, value) => {
    expect(() => createApp({ backend: memory(), register: [], [option]: value })).toThrow(
      `createApp: "${option}" is ${value}; it must be an integer from`,
    );
  });

  it('installs definitions of other packages, which may add definitions, processors, services and lifecycles', async () => {
    class Views {
      readonly names: string[] = [];
    }
    const log: string[] = [];
    const view = (name: string): InstallableDefinition => ({
      kind: 'view',
      name,
      definedAt: `${name}.ts:1:1`,
      install(composition: Composition) {
        composition.register(aggregate(`${name}.source`));
        const runner = composition.addProcessor({
          ...processor(name),
          upcasters: [upcaster({ event: `${name}.gone`, from: 1, to: [], upcast: () => [] })],
        });
        log.push(`${runner.definition.name} on ${composition.backend.name}`);
        composition.service(Views, () => new Views()).names.push(name);
        composition.addLifecycle({ start: async () => void log.push(`start ${name}`) });
        composition.addLifecycle({ stop: async () => void log.push(`stop ${name}`) });
      },
    });
    const app = compose(view('a'), view('b'));
    expect(app.get(Views).names).toEqual(['a', 'b']);
    expect(app.definitions.map(({ name }) => name)).toEqual(['a', 'a.source', 'b', 'b.source']);
    await app.start();
    expect([...app.processors.values()].map((runner) => runner.status().state)).toEqual([
      'running',
      'running',
    ]);
    await app.stop();
    expect(log).toEqual(['a on memory', 'b on memory', 'start a', 'start b', 'stop b', 'stop a']);
  });
});
