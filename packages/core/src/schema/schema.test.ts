import { describe, expect, it } from '@jest/globals';
import { IsDate, IsString, ValidateNested } from 'class-validator';
import { newId } from '../messages/ids.js';
import type { RecordedEvent } from '../messages/event.js';
import { definitionsOf } from '../model/definitions-of.js';
import type { Class } from '../model/definition.js';
import { AggregateId, Command, Event } from '../model/message-decorators.js';
import type { MessageDefinition } from '../model/message-definition.js';
import {
  DuplicateNameError,
  UnknownMessageError,
  UnknownSchemaVersionError,
  ValidationError,
} from './errors.js';
import { ItemType } from './fields.js';
import { Schema } from './schema.js';

let constructed = 0;

class Line {
  @IsString() readonly sku: string;
  constructor(sku: string) {
    constructed += 1;
    this.sku = sku;
  }
}

class Address {
  @IsDate() readonly since: Date;
  constructor(since: Date) {
    constructed += 1;
    this.since = since;
  }
}

@Event({ name: 'order-placed' })
class OrderPlaced {
  @IsString() readonly orderId: string;
  @IsDate() readonly at: Date;
  @ValidateNested() readonly address: Address;
  @ValidateNested({ each: true }) @ItemType(() => Line) readonly lines: readonly Line[];

  constructor(orderId: string, at: Date, address: Address, lines: readonly Line[]) {
    constructed += 1;
    this.orderId = orderId;
    this.at = at;
    this.address = address;
    this.lines = lines;
  }

  get size(): number {
    return this.lines.length;
  }

  set size(_value: number) {
    throw new Error('a setter ran');
  }
}

@Command({ name: 'place-order' })
class PlaceOrder {
  @AggregateId() @IsString() readonly orderId: string;
  constructor(orderId: string) {
    this.orderId = orderId;
  }
}

class Undecorated {}

const register = (schema: Schema, type: Class): void => {
  for (const definition of definitionsOf(type)) schema.register(definition as MessageDefinition);
};

const schemaOf = (...types: readonly Class[]): Schema => {
  const schema = new Schema();
  for (const type of types) register(schema, type);
  schema.seal();
  return schema;
};

const recorded = (type: string, data: unknown, schemaVersion = 1): RecordedEvent => ({
  id: newId(),
  stream: 'order-1',
  version: 0,
  position: 1n,
  type,
  schemaVersion,
  data,
  metadata: {},
  recordedAt: new Date(0),
});

const placed = () =>
  new OrderPlaced('1', new Date(1_000), new Address(new Date(2_000)), [new Line('a'), new Line('b')]);

describe('registration', () => {
  it('takes the same definition again, and refuses another class of the name with both places', () => {
    const other: MessageDefinition = {
      kind: 'event',
      name: 'order-placed',
      version: 1,
      class: Undecorated,
      definedAt: 'there.ts:1:2',
    };
    const schema = schemaOf(OrderPlaced, OrderPlaced);
    const refused = () => schema.register(other);
    expect(refused).toThrow(DuplicateNameError);
    expect(refused).toThrow(/schema\.test\.ts:\d+:\d+.*there\.ts:1:2/);
  });

  it('lets an event and a command share a name, but not two names one class', () => {
    const schema = schemaOf(OrderPlaced);
    const base = { version: 1, definedAt: 'there.ts:1:2' } as const;
    schema.register({ ...base, kind: 'command', name: 'order-placed', class: PlaceOrder });
    expect(() => schema.register({ ...base, kind: 'event', name: 'other', class: OrderPlaced })).toThrow(
      /stands for one type only/,
    );
  });
});

describe('events to store', () => {
  it('names the type and version of an instance and keeps its id and metadata', () => {
    const event = placed();
    expect(schemaOf(OrderPlaced).toEvent(event, { userId: 'u' }, 'id-1')).toEqual({
      id: 'id-1',
      type: 'order-placed',
      schemaVersion: 1,
      data: event,
      metadata: { userId: 'u' },
    });
  });

  it('takes { type, data } without a class', () => {
    expect(schemaOf().toEvent({ type: 'plain', data: [1] }, {})).toMatchObject({
      type: 'plain',
      schemaVersion: 1,
      data: [1],
    });
  });

  it('validates { type, data } where the type has a class', () => {
    const schema = schemaOf(OrderPlaced);
    expect(() => schema.toEvent({ type: 'order-placed', data: { orderId: 1 } }, {})).toThrow(ValidationError);
    expect(() => schema.toEvent({ type: 'order-placed', data: 7 }, {})).toThrow(/must be an object/);
    const data: unknown = JSON.parse(JSON.stringify(placed()));
    expect(schema.toEvent({ type: 'order-placed', data }, {}).data).toBe(data);
  });

  it('pitfall 20: an unregistered class is refused, not named after itself', () => {
    const schema = schemaOf(PlaceOrder);
    expect(() => schema.toEvent(new Undecorated(), {})).toThrow(UnknownMessageError);
    expect(() => schema.toEvent(new Undecorated(), {})).toThrow(
      /add @Event\(\{ name: '…' \}\) to class Undecorated/,
    );
    expect(() => schema.toEvent({}, {})).toThrow(/An object without a class/);
    expect(() => schema.toEvent(new PlaceOrder('1'), {})).toThrow(/is the command "place-order"/);
  });

  it('pitfall 20: names survive minified and renamed classes', () => {
    const schema = new Schema();
    const Minified = class a {};
    Event({ name: 'stable' })(Minified);
    register(schema, Minified);
    Object.defineProperty(Minified, 'name', { value: 'b' });
    expect(schema.toEvent(new Minified(), {}).type).toBe('stable');
    expect(schema.readOne(recorded('stable', {}))[0]?.data).toBeInstanceOf(Minified);
  });
});

describe('commands', () => {
  it('tells type and data, and makes instances of known classes', () => {
    const schema = schemaOf(PlaceOrder);
    const command = new PlaceOrder('1');
    expect(schema.commandTypeOf(command)).toEqual({ type: 'place-order', data: command });
    expect(schema.commandTypeOf({ type: 'x', data: 1 })).toEqual({ type: 'x', data: 1 });
    expect(schema.reviveCommand('place-order', { orderId: '1' })).toStrictEqual(command);
    expect(schema.reviveCommand('x', 1)).toEqual({ type: 'x', data: 1 });
    expect(() => schema.reviveCommand('place-order', [1])).toThrow(ValidationError);
    expect(() => schema.commandTypeOf(new Undecorated())).toThrow(/add @Command/);
  });
});

describe('reading', () => {
  it('gives back the same array where nothing was to be done', () => {
    const schema = schemaOf(OrderPlaced);
    const events = [recorded('unknown', { a: 1 }), recorded('order-placed', placed())];
    expect(schema.read(events)).toBe(events);
  });

  it('rebuilds instances, their dates and nested objects, without any constructor', () => {
    const original = placed();
    constructed = 0;
    const stored = recorded('order-placed', JSON.parse(JSON.stringify(original)));
    const plain = recorded('unknown', {});
    const [first, event, last] = schemaOf(OrderPlaced).read([plain, stored, plain]);
    expect(first).toBe(plain);
    expect(last).toBe(plain);
    expect(event?.data).toStrictEqual(original);
    expect(event?.position).toBe(stored.position);
    expect(constructed).toBe(0);
  });

  it('D2: hostile keys become plain own data; no setter runs and nothing is polluted', () => {
    const data: unknown = JSON.parse(
      '{"__proto__":{"admin":true},"constructor":{"x":1},"size":5,"toString":"x","at":"soon","lines":[null,1,{"sku":"a"}],"address":null}',
    );
    const [event] = schemaOf(OrderPlaced).readOne(recorded('order-placed', data));
    const revived = event?.data;
    expect(revived).toBeInstanceOf(OrderPlaced);
    expect(Object.getPrototypeOf(revived)).toBe(OrderPlaced.prototype);
    expect(JSON.stringify(revived)).toBe(JSON.stringify(data));
    expect(Object.getOwnPropertyDescriptor(revived, '__proto__')?.value).toEqual({ admin: true });
    expect('admin' in {}).toBe(false);
    expect(Object.getOwnPropertyDescriptor(revived, 'size')?.value).toBe(5);
  });

  it('leaves data that is no object, and dates that are none, as stored', () => {
    const schema = schemaOf(OrderPlaced);
    expect(schema.readOne(recorded('order-placed', 5))[0]?.data).toBe(5);
    const [event] = schema.readOne(recorded('order-placed', { at: '2026-99-99', lines: 'x' }));
    expect(event?.data).toMatchObject({ at: '2026-99-99', lines: 'x' });
  });

  it('refuses a version that it does not know', () => {
    const schema = schemaOf(OrderPlaced);
    expect(() => schema.readOne(recorded('order-placed', {}, 2))).toThrow(UnknownSchemaVersionError);
    expect(() => schema.readOne(recorded('order-placed', {}, 0))).toThrow(UnknownSchemaVersionError);
    expect(schema.readOne(recorded('unknown', {}, 9))).toHaveLength(1);
  });

  it('stops rebuilding where data is deeper than any codec writes', () => {
    class Tree {
      @ValidateNested({ each: true }) @ItemType(() => Tree) readonly children: readonly Tree[] = [];
    }
    Command({ name: 'plant' })(Tree);
    const schema = schemaOf(Tree);
    let data: unknown = { children: [] };
    for (let level = 0; level < 50_000; level++) data = { children: [data] };
    const tree = schema.reviveCommand('plant', data);
    expect(tree).toBeInstanceOf(Tree);
    expect(() => schema.validate(tree)).toThrow(/must not be nested more than 100 levels deep/);
  });
});
