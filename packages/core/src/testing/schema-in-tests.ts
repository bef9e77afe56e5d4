import type { Class, Definition } from '../model/definition.js';
import { definitionsOf } from '../model/definitions-of.js';
import type { MessageDefinition } from '../model/message-definition.js';
import type { UpcasterDefinition } from '../model/upcaster-definition.js';
import { Schema } from '../schema/schema.js';

/** The schema of some messages, of what is listed with them, and of what that mentions. */
export const schemaOf = (
  messages: readonly MessageDefinition[],
  listed: readonly (Class | Definition)[] = [],
): Schema => {
  const schema = new Schema();
  for (const message of messages) schema.register(message);
  for (const definition of listed.flatMap(definitionsOf)) {
    if (isForSchema(definition)) schema.register(definition);
    for (const part of partsOf(definition)) schema.register(part);
  }
  schema.seal();
  return schema;
};

const isForSchema = (definition: Definition): definition is MessageDefinition | UpcasterDefinition =>
  definition.kind === 'event' || definition.kind === 'command' || definition.kind === 'upcaster';

/** Messages and upcasters that a definition of any kind brings along. */
const partsOf = (definition: Definition): readonly (MessageDefinition | UpcasterDefinition)[] =>
  ['messages', 'upcasters'].flatMap((property) => {
    const parts: unknown = Reflect.get(definition, property);
    return Array.isArray(parts) ? parts.filter(isForSchema) : [];
  });
