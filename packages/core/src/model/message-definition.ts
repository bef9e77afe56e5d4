import type { Class, Definition } from './definition.js';

/** A type of event or command that has a class. */
export interface MessageDefinition extends Definition {
  readonly kind: 'event' | 'command';
  /** Version of the newest schema, from 1. */
  readonly version: number;
  readonly class: Class;
}
