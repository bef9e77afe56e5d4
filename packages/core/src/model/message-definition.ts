import type { Class, Definition } from './definition.js';
import type { UpcasterDefinition } from './upcaster-definition.js';

/** A type of event or command that has a class. */
export interface MessageDefinition extends Definition {
  readonly kind: 'event' | 'command';
  /** Version of the newest schema, from 1. */
  readonly version: number;
  readonly class: Class;
  /** Upcasters that stand on the class itself; they are registered with it. */
  readonly upcasters?: readonly UpcasterDefinition[] | undefined;
}
