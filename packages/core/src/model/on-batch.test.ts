import { describe, expect, it } from '@jest/globals';
import { memory } from '../backend/memory/memory.js';
import { createApp } from '../app/create-app.js';
import { matching } from '../routing/type-pattern.js';
import type { EventsContext } from './batch-handler.js';
import { definitionsOf } from './definitions-of.js';
import { Event } from './message-decorators.js';
import { OnBatch } from './on-batch.js';
import { Policy } from './policy.js';
import type { ProcessorDefinition } from './processor-definition.js';
import { On, Processor } from './processor.js';

@Event({ name: 'viewed' })
class Viewed {
  constructor(readonly page: string) {}
}

@Event({ name: 'bought' })
class Bought {
  constructor(readonly what: string) {}
}

const seen: unknown[] = [];

@Processor({ name: 'statistics', priority: 'low' })
class Statistics {
  @OnBatch(Viewed, matching('other.*'), { max: 2, per: 'key' })
  viewed(views: readonly Viewed[], { events, processor }: EventsContext) {
    seen.push([processor, ...views.map(({ page }) => page), ...events.map(({ version }) => version)]);
  }

  @Policy({ priority: 'critical' })
  @On()
  bought({ what }: Bought) {
    seen.push(what);
  }
}

describe('@OnBatch', () => {
  it('hands the data of several events to a method, beside methods for single events', async () => {
    const backend = memory();
    const app = createApp({ backend, register: [Statistics, Viewed, Bought] });
    await app.start();
    await backend.events.append('s', [
      { type: 'viewed', data: { page: 'a' } },
      { type: 'viewed', data: { page: 'b' } },
      { type: 'other.kind', data: { page: 'c' } },
      { type: 'bought', data: { what: 'book' } },
    ]);
    await app.waitFor(4n);
    expect(seen).toEqual([['statistics', 'a', 'b', 0, 1], ['statistics', 'c', 2], 'book']);
    await app.stop();
  });

  it('is part of a plain definition, with the policy of the method', () => {
    const [definition] = definitionsOf(Statistics) as readonly ProcessorDefinition[];
    const delivery = definition?.delivery;
    if (delivery?.mode !== 'each') throw new Error('wrong mode');
    expect(definition?.types).toEqual(['bought', 'viewed']);
    expect(delivery.batches).toMatchObject([{ max: 2, per: 'key' }]);
  });

  it('must name its events', () => {
    expect(() => OnBatch({ max: 3 })).toThrow(/@OnBatch \(.*\) must name its events/);
  });

  it('refuses an event that has a method for single events, too', () => {
    @Processor({ name: 'twice' })
    class Twice {
      @On() one(_event: Viewed) {}
      @OnBatch(Bought, Viewed) several(_events: readonly unknown[]) {}
    }
    expect(() => definitionsOf(Twice)).toThrow(/Twice handles an event twice: on one .* and on several/);
  });
});
