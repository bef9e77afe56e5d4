import { describe, expect, it } from '@jest/globals';
import type { Message } from '../messages/event.js';
import type { CommandContext } from './aggregate-definition.js';
import { decider } from './decider.js';
import { Command, Event } from './message-decorators.js';

type CartCommand =
  | Message<'add', { readonly cart: string; readonly sku: string }>
  | Message<'clear', { readonly cart: string }>;
type CartEvent = Message<'added', { readonly sku: string }> | Message<'cleared', null>;

const context = {} as CommandContext;

describe('decider', () => {
  it('makes an aggregate of three functions', () => {
    const cart = decider({
      name: 'cart',
      commands: ['add', 'clear'],
      initialState: (id) => ({ id, skus: [] as readonly string[] }),
      decide: (command: CartCommand, state) => {
        if (command.type === 'clear') return state.skus.length === 0 ? [] : [{ type: 'cleared', data: null }];
        return { type: 'added', data: { sku: command.data.sku } };
      },
      evolve: (state, event: CartEvent) => ({
        ...state,
        skus: event.type === 'added' ? [...state.skus, event.data.sku] : [],
      }),
      target: (command) => command.data.cart,
      snapshots: { every: 5 },
    });
    expect(cart).toMatchObject({
      kind: 'aggregate',
      name: 'cart',
      commands: ['add', 'clear'],
      messages: [],
      snapshots: { every: 5 },
    });
    expect(cart.definedAt).toMatch(/decider\.test\.ts:\d+:\d+$/);
    const add: CartCommand = { type: 'add', data: { cart: '1', sku: 'a' } };
    expect(cart.targetOf(add)).toBe('1');
    const decision = cart.decide(add, cart.initialState('1'), context);
    expect(decision).toEqual({ type: 'added', data: { sku: 'a' } });
    const state = cart.evolve(cart.initialState('1'), { type: 'added', data: { sku: 'a' }, metadata: {} });
    expect(state).toEqual({ id: '1', skus: ['a'] });
    expect(cart.decide({ type: 'clear', data: { cart: '1' } }, state, context)).toEqual([
      { type: 'cleared', data: null },
    ]);
  });

  it('takes classes of commands and events and mentions them', () => {
    @Command({ name: 'open' })
    class Open {
      constructor(readonly door: string) {}
    }
    @Event({ name: 'opened' })
    class Opened {
      constructor(readonly door: string) {}
    }
    const door = decider({
      name: 'door',
      commands: [Open],
      events: [Opened],
      initialState: () => ({ open: false }),
      decide: (command: Open) => new Opened(command.door),
      evolve: (_state, _event: Message<'opened', Opened>) => ({ open: true }),
      target: (command) => command.door,
    });
    expect(door.commands).toEqual(['open']);
    expect(door.messages.map(({ class: type }) => type)).toEqual([Open, Opened]);
    expect(door.decide(new Open('1'), door.initialState('1'), context)).toEqual(new Opened('1'));
  });

  it('refuses classes without @Command, naming itself', () => {
    class Bare {}
    expect(() =>
      decider({
        name: 'bare',
        commands: [Bare],
        initialState: () => 0,
        decide: (_command: Bare) => [],
        evolve: (state, _event: Message) => state,
        target: () => '1',
      }),
    ).toThrow(/decider "bare" \(.*decider\.test\.ts:\d+:\d+\) takes Bare, which is no command/);
  });
});
