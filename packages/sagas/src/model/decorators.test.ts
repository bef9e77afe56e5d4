import { describe, expect, it } from '@jest/globals';
import { Command, Event, MissingTypeError, On, definitionsOf, type RecordedEvent } from '@tidemark/core';
import { sagaScenario } from '../testing/index.js';
import { CorrelatedBy, OnTimer, Saga, Starts } from './decorators.js';
import type { SagaContext } from './saga-context.js';
import type { SagaDefinition } from './saga-definition.js';

@Event({ name: 'begun' })
class Begun {
  constructor(readonly key: string) {}
}

@Event({ name: 'nudged' })
class Nudged {
  constructor(readonly of: string) {}
}

@Command({ name: 'work' })
class Work {
  constructor(readonly amount: number) {}
}

const definitionOf = (type: abstract new () => object): SagaDefinition =>
  definitionsOf(type).find(
    (definition): definition is SagaDefinition => definition.kind === 'saga',
  ) as SagaDefinition;

describe('@Saga', () => {
  @Saga({ name: 'one', events: ['done'] })
  class One {
    nudges = 0;
    of = '';
    readonly #secret = 'kept out of the state';

    @Starts({ key: (event: Begun) => event.key }) begin(_: Begun, saga: SagaContext) {
      saga.step('work', { command: new Work(this.#secret.length), completedBy: 'done' });
    }

    @On()
    @CorrelatedBy((event: Nudged) => event.of)
    nudge(nudged: Nudged) {
      this.of = nudged.of;
      this.nudges += 1;
    }

    @Starts({ event: 'begun-by-name', key: (data: { key: string }) => data.key }) byName(
      _: unknown,
      saga: SagaContext,
    ) {
      saga.complete();
    }

    @OnTimer('t') tick() {
      this.nudges += 10;
    }
  }

  it('takes messages from parameter types or by name, keys, and state from plain fields', () => {
    const { behaviour, messages, name, definedAt } = definitionOf(One);
    expect(name).toBe('one');
    expect(definedAt).toContain('decorators.test.ts');
    expect(new Set(behaviour.hears)).toEqual(new Set(['begun', 'begun-by-name', 'nudged', 'done']));
    expect(messages.map((message) => message.name)).toEqual(['begun', 'nudged']);
    expect(behaviour.on.get('nudged')?.key?.({ data: new Nudged('k') } as RecordedEvent)).toBe('k');
    const outcome = sagaScenario(One).given(new Begun('k')).when(new Nudged('k'));
    expect(() => outcome.thenExpect({ state: { nudges: 1, of: 'k' }, commands: [] })).not.toThrow();
    expect(() =>
      sagaScenario(One)
        .when(new Begun('k'))
        .thenExpect({ commands: [new Work(21)] }),
    ).not.toThrow();
  });

  it('starts fields that it has gained since at their initial values', () => {
    expect(Object.keys(definitionOf(One).behaviour.initialState())).toEqual(['nudges', 'of']);
  });

  it('pitfall 21: says which parameter has no type', () => {
    @Saga({ name: 'untyped' })
    class Untyped {
      @Starts({ key: () => 'k' }) begin(_event: { key: string }) {}
    }
    expect(() => definitionsOf(Untyped)).toThrow(MissingTypeError);
    expect(() => definitionsOf(Untyped)).toThrow('@Starts() on Untyped.begin');
  });

  it('refuses a correlation without an event', () => {
    @Saga({ name: 'alone' })
    class Alone {
      @Starts({ key: (event: Begun) => event.key }) begin(event: Begun) {
        return void event;
      }
      @CorrelatedBy((event: Nudged) => event.of) nudge(event: Nudged) {
        return void event;
      }
    }
    expect(() => definitionsOf(Alone)).toThrow('@CorrelatedBy on Alone.nudge');
  });
});
