import { describe, expect, it } from '@jest/globals';
import { pglite } from '@tidemark/adapters/pglite';
import {
  Command,
  CommandHandler,
  createApp,
  Event,
  memory,
  newId,
  On,
  Processor,
  type Backend,
  type RecordedEvent,
} from '@tidemark/core';

/** What other frameworks got wrong and no single package shows by itself; the rest stands beside the code that it is about. */
const backends: readonly (readonly [string, () => Backend])[] = [
  ['memory', () => memory()],
  ['PGlite', () => pglite()],
];

@Command({ name: 'greet' })
class Greet {
  constructor(readonly whom: string) {}
}

@Event({ name: 'greeted' })
class Greeted {
  constructor(readonly whom: string) {}
}

class Greeter {
  readonly #backend: Backend;

  constructor(backend: Backend) {
    this.#backend = backend;
  }

  async greet(whom: string): Promise<void> {
    await this.#backend.events.append(`greeting-${whom}`, [{ type: 'greeted', data: { whom } }]);
  }
}

const allEvents = async (backend: Backend): Promise<readonly RecordedEvent[]> => {
  const events: RecordedEvent[] = [];
  for await (const batch of backend.events.readAll()) events.push(...batch);
  return events;
};

describe.each(backends)('on %s', (_name, makeBackend) => {
  it('pitfall 6: the order is the log’s own, whatever order the ids of clients have', async () => {
    const backend = makeBackend();
    await backend.open();
    const ids = [newId(), newId(), newId(), newId()].toReversed();
    for (const [index, id] of ids.entries()) {
      await backend.events.append(`stream-${index % 2}`, [{ id, type: 'made', data: index }]);
    }

    const events = await allEvents(backend);

    expect(events.map(({ id }) => id)).toEqual(ids);
    await backend.close();
  });

  it('pitfall 8: what was appended before anyone could be told of it is handled by whoever starts next', async () => {
    const backend = makeBackend();
    await backend.open();
    await new Greeter(backend).greet('Ada');
    const seen: string[] = [];

    @Processor({ name: 'door' })
    class Door {
      @On() opened(event: Greeted): void {
        seen.push(event.whom);
      }
    }
    const app = createApp({ backend, register: [Door] });
    await app.start();
    await app.waitFor(await backend.events.head());

    expect(seen).toEqual(['Ada']);
    await app.stop();
  });

  it('pitfall 18: a rare type in a long log is found in steps, each of which says how far it came', async () => {
    const backend = makeBackend();
    await backend.open();
    const common = Array.from({ length: 2_000 }, (_, index) => ({ type: 'common', data: index }));
    for (let round = 0; round < 12; round += 1) await backend.events.append(`bulk-${round}`, common);
    const { position } = await backend.events.append('rare-1', [{ type: 'rare', data: null }]);

    const found: RecordedEvent[] = [];
    let reached = 0n;
    let steps = 0;
    const subscription = backend.events.subscribe({ filter: { types: ['rare'] }, batchSize: 100 });
    for await (const batch of subscription) {
      expect(batch.position).toBeGreaterThanOrEqual(reached);
      reached = batch.position;
      steps += 1;
      found.push(...batch.events);
      if (batch.caughtUp) break;
    }

    expect(found.map((event) => event.stream)).toEqual(['rare-1']);
    expect(reached).toBe(position);
    // 24,000 events that do not match were passed in bounded scans, not in one.
    expect(steps).toBeGreaterThan(2);
    await backend.close();
  });

  it('pitfall 25: keys whose 32-bit hashes are equal stay apart', async () => {
    // Both pairs collide in FNV-1a with 32 bits.
    const keys = ['costarring', 'liquid', 'declinate', 'macallums'];
    const backend = makeBackend();
    const running = new Map<string, number>();
    let most = 0;
    let release = (): void => {};
    const allRunning = new Promise<void>((resolve) => (release = resolve));

    @Processor({ name: 'side-by-side', concurrency: keys.length })
    class SideBySide {
      @On() async greeted(event: Greeted): Promise<void> {
        running.set(event.whom, 1);
        most = Math.max(most, running.size);
        if (running.size === keys.length) release();
        await allRunning;
      }
    }
    const app = createApp({ backend, register: [SideBySide] });
    await app.start();
    const greeter = new Greeter(backend);
    for (const key of keys) await greeter.greet(key);
    await app.waitFor(await backend.events.head());

    expect(most).toBe(keys.length);
    await app.stop();
  });
});

describe('handlers of commands that belong to no aggregate', () => {
  it('pitfall 20: a command keeps its stable name when its class is renamed', async () => {
    const names: string[] = [];
    class Porter {
      @CommandHandler() greet(command: Greet): void {
        names.push(command.whom);
      }
    }
    const app = createApp({ backend: memory(), register: [Porter] });
    await app.start();
    await app.send({ type: 'greet', data: { whom: 'Grace' } });

    expect(names).toEqual(['Grace']);
    await app.stop();
  });
});
