import { describe, expect, it } from '@jest/globals';
import type { RecordedEvent } from '../messages/event.js';
import { definitionsOf } from './definitions-of.js';
import type { Class } from './definition.js';
import { mergePolicies, policyIn } from './handler-policy.js';
import { Event } from './message-decorators.js';
import { Policy } from './policy.js';
import type { ProcessorDefinition } from './processor-definition.js';
import { On, Processor } from './processor.js';

@Event({ name: 'asked' })
class Asked {}

@Event({ name: 'escalated' })
class Escalated {}

const processorOf = (type: Class): ProcessorDefinition => {
  const [definition] = definitionsOf(type);
  if (definition?.kind !== 'processor') throw new Error('no processor');
  return definition as ProcessorDefinition;
};

const event = (type: string): RecordedEvent => ({
  id: type,
  stream: 's',
  version: 0,
  position: 1n,
  type,
  schemaVersion: 1,
  data: {},
  metadata: {},
  recordedAt: new Date(0),
});

describe('@Policy', () => {
  it('overrides for one handler what the class says for all, and is merged once', () => {
    @Processor({ name: 'desk', priority: 'low', concurrency: 2 })
    class Desk {
      @On() asked(_event: Asked) {}
      @Policy({ priority: 'critical' })
      @On()
      escalated(_event: Escalated) {}
    }
    const definition = processorOf(Desk);
    expect(definition.policy).toEqual({ priority: 'low' });
    expect(definition.policyOf?.(event('asked'))).toEqual({ priority: 'low' });
    expect(definition.policyOf?.(event('escalated'))).toEqual({ priority: 'critical' });
    expect(definition.policyOf?.(event('escalated'))).toBe(definition.policyOf?.(event('escalated')));
    expect(definition.policyOf?.(event('unknown'))).toBe(definition.policy);
    expect(definition.handlerOf?.(event('escalated'))).toBe('escalated');
    expect(definition.handlerOf?.(event('unknown'))).toBe('desk');
  });

  it('costs nothing where no handler has one of its own', () => {
    @Processor({ name: 'plain' })
    class Plain {
      @On() asked(_event: Asked) {}
    }
    expect(processorOf(Plain)).toMatchObject({ policy: {} });
    expect(processorOf(Plain).policyOf).toBeUndefined();
  });

  it('refuses a method that handles nothing', () => {
    @Processor({ name: 'astray' })
    class Astray {
      @On() asked(_event: Asked) {}
      @Policy({ priority: 'low' }) rest() {}
    }
    expect(() => definitionsOf(Astray)).toThrow(/@Policy on Astray\.rest \(.*\) is for a handler: add @On/);
  });
});

describe('policies', () => {
  it('leave open what is not given, also where it is given as undefined', () => {
    expect(policyIn({ priority: undefined })).toEqual({});
    expect(mergePolicies({ priority: 'high' }, { priority: undefined })).toEqual({ priority: 'high' });
    expect(mergePolicies({ priority: 'high' }, undefined)).toEqual({ priority: 'high' });
  });
});
