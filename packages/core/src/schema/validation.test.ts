import { describe, expect, it } from '@jest/globals';
import {
  IsArray,
  IsInt,
  IsString,
  Length,
  Min,
  Validate,
  ValidateNested,
  ValidatorConstraint,
  registerDecorator,
  type ValidatorConstraintInterface,
} from 'class-validator';
import { ConfigurationError } from '../error.js';
import { Command } from '../model/message-decorators.js';
import { definitionsOf } from '../model/definitions-of.js';
import type { MessageDefinition } from '../model/message-definition.js';
import { ValidationError } from './errors.js';
import { ItemType } from './fields.js';
import { Schema } from './schema.js';

class Item {
  @IsString() @Length(3, 8) sku: unknown = 'abc';
  @IsInt() @Min(1) count: unknown = 1;
}

@Command({ name: 'order' })
class OrderItems {
  @IsString() id: unknown = '1';
  @IsArray() @ValidateNested({ each: true }) @ItemType(() => Item) items: unknown = [];
  @ValidateNested() main: unknown = new Item();
}

const schema = new Schema();
for (const definition of definitionsOf(OrderItems)) schema.register(definition as MessageDefinition);

const order = (changes: Partial<OrderItems>): OrderItems => Object.assign(new OrderItems(), changes);

const violationsOf = (message: object) => {
  try {
    schema.validate(message);
  } catch (error) {
    if (error instanceof ValidationError) return error;
    throw error;
  }
  throw new Error('it was valid');
};

describe('validation', () => {
  it('accepts what is valid, and what has no class or no constraints', () => {
    schema.validate(order({ items: [new Item()] }));
    schema.validate({ type: 'x', data: 1 });
    schema.validate(Object.create(null));
    expect(() => schema.validate(new (class Free {})())).not.toThrow();
  });

  it('lists every violated constraint with its property path, and no value', () => {
    const bad = Object.assign(new Item(), { sku: 'secret-value', count: 0.5 });
    const error = violationsOf(order({ id: 7, items: [new Item(), new Item(), bad] }));
    expect(error.messageType).toBe('order');
    expect(
      error.violations.map(({ path, constraints }) => [path, Object.keys(constraints).toSorted()]),
    ).toEqual([
      ['id', ['isString']],
      ['items[2].sku', ['isLength']],
      ['items[2].count', ['isInt', 'min']],
    ]);
    expect(error.message).toContain('items[2].sku: sku must be');
    expect(JSON.stringify(error)).not.toContain('secret-value');
    expect(error.message).not.toContain('secret-value');
  });

  it('names nested objects by their path', () => {
    const error = violationsOf(order({ main: Object.assign(new Item(), { sku: 1 }) }));
    expect(error.violations.map(({ path }) => path)).toEqual(['main.sku']);
    expect(violationsOf(order({ main: 7 })).violations.map(({ path }) => path)).toEqual(['main']);
  });

  it('D2: an own constructor property does not switch validation off', () => {
    const command = schema.reviveCommand(
      'order',
      JSON.parse('{"constructor":{},"id":7,"items":[{"constructor":1}]}'),
    );
    const paths = violationsOf(command).violations.map(({ path }) => path);
    expect(paths).toContain('constructor');
    expect(paths).toContain('items[0].constructor');
  });

  it('D2: plain objects in the place of instances are refused, since their constraints would not be seen', () => {
    expect(violationsOf(order({ items: [{ sku: 1 }] })).violations).toMatchObject([
      { path: 'items[0]', constraints: { unknownValue: expect.stringContaining('@ItemType') } },
    ]);
    const revived = schema.reviveCommand('order', {
      id: '1',
      items: [{ sku: 1, count: 1 }],
      main: new Item(),
    });
    expect(violationsOf(revived).violations.map(({ path }) => path)).toEqual(['items[0].sku']);
  });

  it('refuses objects that hold each other', () => {
    class Node {
      @ValidateNested() left: unknown = this;
      @ValidateNested() right: unknown = this;
    }
    expect(violationsOf(new Node()).violations[0]?.constraints['nesting']).toContain('refer back to itself');
  });

  it('refuses asynchronous constraints, which would pass unseen', () => {
    @ValidatorConstraint({ async: true })
    class Free implements ValidatorConstraintInterface {
      validate() {
        return Promise.resolve(false);
      }
    }
    class Marked {
      @Validate(Free) name = 'x';
    }
    class Unmarked {
      name = 'x';
    }
    registerDecorator({
      target: Unmarked,
      propertyName: 'name',
      async: true,
      options: {},
      validator: { validate: () => Promise.resolve(false) },
    });
    expect(() => schema.validate(new Marked())).toThrow(ConfigurationError);
    expect(() => schema.validate(new Unmarked())).toThrow(
      /"name" of Unmarked has an asynchronous constraint/,
    );
    expect(() => schema.validate(order({ main: new Marked() }))).toThrow(ConfigurationError);
  });
});
