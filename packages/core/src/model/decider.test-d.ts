import { expectTypeOf } from 'expect-type';
import type { Message } from '../messages/event.js';
import type { AggregateDefinition } from './aggregate-definition.js';
import { decider, type DeciderMistake } from './decider.js';
import type { Definition } from './definition.js';

type CartCommand = Message<'add', { cart: string; sku: string }> | Message<'clear', { cart: string }>;
type CartEvent =
  | Message<'added', { sku: string; tags: string[]; how: 'web' | 'shop' }>
  | Message<'cleared', null>;

const common = {
  name: 'cart',
  target: (command: CartCommand) => command.data.cart,
} as const;

// State, commands and events are inferred whatever the order and form of the functions.
const cart = decider({
  ...common,
  commands: ['add', 'clear'],
  initialState: (id) => ({ id, skus: [] as readonly string[] }),
  decide: (command: CartCommand, state, context) => {
    expectTypeOf(state).toEqualTypeOf<{ id: string; skus: readonly string[] }>();
    expectTypeOf(context.version).toBeNumber();
    if (command.type === 'clear') return state.skus.length === 0 ? [] : [{ type: 'cleared', data: null }];
    return { type: 'added', data: { sku: command.data.sku, tags: ['a'], how: 'web' } };
  },
  evolve: (state, event: CartEvent) => ({
    ...state,
    skus: event.type === 'added' ? [...state.skus, event.data.sku] : [],
  }),
});
expectTypeOf(cart).toEqualTypeOf<
  AggregateDefinition<{ id: string; skus: readonly string[] }, CartCommand, CartEvent>
>();
expectTypeOf(cart).toExtend<Definition>();

const generated = decider({
  ...common,
  commands: ['add', 'clear'],
  initialState: () => 0,
  *decide(command: CartCommand) {
    if (command.type === 'clear') yield { type: 'cleared', data: null };
  },
  evolve: (count, _event: CartEvent) => count + 1,
});
expectTypeOf(generated).toEqualTypeOf<AggregateDefinition<number, CartCommand, CartEvent>>();

const asynchronous = decider({
  ...common,
  evolve: (count, _event: CartEvent) => count + 1,
  async decide(command: CartCommand) {
    return command.type === 'clear' ? { type: 'cleared', data: null } : undefined;
  },
  initialState: () => 0,
  commands: ['add', 'clear'],
});
expectTypeOf(asynchronous).toEqualTypeOf<AggregateDefinition<number, CartCommand, CartEvent>>();

// Commands and events may have classes.
class Open {
  constructor(readonly door: string) {}
}
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
expectTypeOf(door).toEqualTypeOf<AggregateDefinition<{ open: boolean }, Open, Message<'opened', Opened>>>();

// Parts that do not fit are no definition.
const wrongEvent = decider({
  ...common,
  commands: ['add', 'clear'],
  initialState: () => 0,
  decide: (_command: CartCommand) => ({ type: 'cleared', data: 1 }),
  evolve: (count, _event: CartEvent) => count,
});
expectTypeOf(wrongEvent).toExtend<DeciderMistake<'decide returns what is no event of evolve', unknown>>();
expectTypeOf(wrongEvent).not.toExtend<Definition>();

const missing = decider({
  ...common,
  commands: ['add'],
  initialState: () => 0,
  decide: (_command: CartCommand) => [],
  evolve: (count, _event: CartEvent) => count,
});
expectTypeOf(missing).toEqualTypeOf<DeciderMistake<'commands leaves out what decide takes', 'clear'>>();

const unknownCommand = decider({
  ...common,
  commands: ['add', 'clear', 'claer'],
  initialState: () => 0,
  decide: (_command: CartCommand) => [],
  evolve: (count, _event: CartEvent) => count,
});
expectTypeOf(unknownCommand).toExtend<DeciderMistake<'commands lists what decide does not take', unknown>>();
