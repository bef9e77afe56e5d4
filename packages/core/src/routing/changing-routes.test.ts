import { expect, it } from '@jest/globals';
import fc from 'fast-check';
import { setImmediate } from 'node:timers/promises';
import { createApp } from '../app/create-app.js';
import { memory } from '../backend/memory/memory.js';
import type { RecordedEvent } from '../messages/event.js';
import type { ProcessorDefinition } from '../model/processor-definition.js';
import { backendWith } from '../testing/runner-rig.test-support.js';
import { route, type Route } from './route.js';

const types = ['a.x', 'a.y', 'b.x'] as const;
const processors = ['one', 'two', 'three'] as const;

/** How a route of the test is made, and what it says, put as plainly as can be. */
interface Plan {
  readonly match: (typeof types)[number] | 'a.*' | '**';
  readonly to: readonly string[] | 'by data';
}

const takes = ({ match }: Plan, type: string): boolean =>
  match === '**' || match === type || (match === 'a.*' && type.startsWith('a.'));

const goesTo = ({ to }: Plan, processor: string, { data }: RecordedEvent): boolean =>
  to === 'by data' ? processors[Number(data) % processors.length] === processor : to.includes(processor);

const routeOf = (name: string, { match, to }: Plan): Route =>
  route({
    name,
    match,
    to: to === 'by data' ? ({ data }) => processors[Number(data) % processors.length] ?? '' : to,
  });

/** A route as the test knows it: with the positions where it was switched. */
interface Known extends Plan {
  readonly switched: { readonly after: bigint; readonly on: boolean }[];
  removed: boolean;
}

const isOnAt = ({ switched }: Known, position: bigint): boolean =>
  switched.findLast(({ after }) => position > after)?.on ?? false;

const plan: fc.Arbitrary<Plan> = fc.record({
  match: fc.constantFrom(...types, 'a.*', '**'),
  to: fc.oneof(fc.subarray([...processors], { minLength: 1 }), fc.constant('by data' as const)),
});
const step = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('append' as const),
      types: fc.array(fc.constantFrom(...types), { minLength: 1, maxLength: 8 }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('add' as const), plan }) },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constantFrom('remove' as const, 'enable' as const, 'disable' as const),
      which: fc.nat(),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constantFrom('pause' as const, 'resume' as const, 'restart' as const),
      which: fc.nat(2),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('turns' as const), count: fc.nat(4) }) },
);

/** As over a network: what it answers is old when it comes. */
const slowly =
  <Result>(work: () => Promise<Result>) =>
  async (): Promise<Result> => {
    const result = await work();
    for (let turn = 0; turn < 3; turn += 1) await setImmediate();
    return result;
  };

const processor = (name: string, into: number[]): ProcessorDefinition => ({
  kind: 'processor',
  name,
  definedAt: 'here:1:1',
  messages: [],
  routed: true,
  batchSize: 3,
  delivery: {
    mode: 'each',
    key: () => 'one',
    handle: ({ data }) => {
      into.push(Number(data));
      return Number(data) % 3 === 0 ? setImmediate() : undefined;
    },
  },
});

it('however routes change meanwhile, each event goes once by the first route in force where it stands', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(plan, { maxLength: 3 }),
      fc.array(step, { maxLength: 30 }),
      async (first, steps) => {
        const backend = backendWith({}, memory());
        backend.events.head = slowly(backend.events.head.bind(backend.events));
        const handled = new Map(processors.map((name) => [name as string, [] as number[]]));
        const app = createApp({
          backend,
          register: [...handled].map(([name, into]) => processor(name, into)),
          routes: first.map((made, index) => routeOf(`first-${index}`, made)),
        });
        const known = new Map<string, Known>(
          first.map((made, index) => [
            `first-${index}`,
            { ...made, switched: [{ after: -1n, on: true }], removed: false },
          ]),
        );
        await app.start();
        let count = 0;
        const changing: Promise<unknown>[] = [];
        for (const [index, one] of steps.entries()) {
          switch (one.do) {
            case 'append':
              await backend.events.append(
                's-1',
                one.types.map((type) => ({ type, data: (count += 1) })),
              );
              break;
            case 'add': {
              const added: Known = { ...one.plan, switched: [], removed: false };
              known.set(`route-${index}`, added);
              changing.push(
                app.routes
                  .add(routeOf(`route-${index}`, one.plan))
                  .then(({ after = -1n }) => added.switched.push({ after, on: true })),
              );
              break;
            }
            case 'remove':
            case 'enable':
            case 'disable': {
              const names = [...known].filter(([, { removed }]) => !removed).map(([name]) => name);
              const name = names[one.which % Math.max(names.length, 1)];
              const changed = name === undefined ? undefined : known.get(name);
              if (name === undefined || changed === undefined) break;
              changed.removed = one.do === 'remove';
              const on = one.do === 'enable';
              changing.push(
                app.routes[one.do](name).then(({ after = -1n }) => changed.switched.push({ after, on })),
              );
              break;
            }
            case 'pause':
            case 'resume': {
              const runner = app.processors.get(processors[one.which] ?? '');
              await runner?.[one.do]();
              break;
            }
            case 'restart': {
              const runner = app.processors.get(processors[one.which] ?? '');
              await runner?.drain();
              await runner?.start();
              break;
            }
            case 'turns':
              for (let turn = 0; turn < one.count; turn += 1) await setImmediate();
              break;
            default:
              one satisfies never;
          }
        }
        await Promise.all(changing);
        for (const name of processors) await app.processors.get(name)?.resume();
        const head = await backend.events.head();
        await app.waitFor(head);
        const log: RecordedEvent[] = [];
        for await (const batch of backend.events.readAll()) log.push(...batch);
        await app.stop();
        const all = [...known.values()];
        for (const [name, got] of handled) {
          const wanted = log.filter((event) =>
            all.some(
              (one) => takes(one, event.type) && isOnAt(one, event.position) && goesTo(one, name, event),
            ),
          );
          expect(got).toEqual(wanted.map(({ data }) => data));
        }
      },
    ),
    { numRuns: 150 },
  );
}, 60_000);
