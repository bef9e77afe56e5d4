import { describe, expect, it } from '@jest/globals';
import type { Backend } from '../../backend/backend.js';
import { CheckpointConflictError } from '../../backend/checkpoints.js';
import { memory } from '../../backend/memory/memory.js';
import { UnsupportedError } from '../../log/errors.js';
import { BackendTrial } from './backend-trial.js';
import { altered, backendRulesBrokenBy, brokenRules } from './broken-stores.test-support.js';
import { backendChapters } from './backend-conformance.js';
import { closing } from './lifecycle.js';

/** One way in which real backends have been wrong, and rules that must tell. */
interface Defect {
  readonly defect: string;
  readonly change: (backend: Backend) => Partial<Backend>;
  readonly told: readonly string[];
}

const defects: readonly Defect[] = [
  {
    defect: 'a transaction is none',
    change: ({ documents, checkpoints, timers, leases, deadLetters, events }) => ({
      transaction: (work) =>
        work({
          documents,
          checkpoints,
          timers,
          leases: {
            acquire: (options) => leases.acquire(options),
            renew: (list, ttlMs) => leases.renew(list, ttlMs),
            release: (list) => leases.release(list),
            list: (prefix) => leases.list(prefix),
            hold: async () => {},
          },
          deadLetters,
          append: (appends) => events.appendAll(appends),
          readVersions: async () => [],
          readBehind: async () => [],
          lock: async () => {},
          query: async () => ({ rows: [], affectedRows: 0 }),
        }),
    }),
    told: [
      'what work rejects with is thrown, and nothing that it changed is there',
      'a reader outside never sees what was rolled back',
      'pitfall 3: a checkpoint that another owner moved rolls back what the handler wrote',
      'a transaction that is over is refused, however it ended',
      'SQL runs where the backend says so, with parameters, and is refused where not',
      'rolled back, they were never there: not in the stream, the log or a subscription',
    ],
  },
  {
    defect: 'a transaction swallows the error of its work',
    change: (backend) => ({
      transaction: (work) => backend.transaction(work).catch(() => undefined as never),
    }),
    told: ['what work rejects with is thrown, and nothing that it changed is there'],
  },
  {
    defect: 'checkpoints move from anywhere',
    change: ({ checkpoints }) => ({
      checkpoints: altered(checkpoints, {
        async move(move) {
          // The memory backend begins both at once, so nothing comes between.
          const reset = checkpoints.reset(move.processor);
          await Promise.all([reset, checkpoints.move({ ...move, previous: undefined })]);
        },
      }),
    }),
    told: [
      'pitfall 3: a move from elsewhere is refused, says which, and changes nothing',
      'pitfall 2: of 20 owners on two connections that move from one place, exactly one succeeds',
      'segments have checkpoints of their own',
    ],
  },
  {
    defect: 'a lost move is silent',
    change: ({ checkpoints }) => ({
      checkpoints: altered(checkpoints, {
        async move(move) {
          try {
            await checkpoints.move(move);
          } catch (error) {
            if (!(error instanceof CheckpointConflictError)) throw error;
          }
        },
      }),
    }),
    told: ['pitfall 3: a move from elsewhere is refused, says which, and changes nothing'],
  },
  {
    defect: 'an older snapshot replaces a newer one',
    change: ({ snapshots }) => ({
      snapshots: altered(snapshots, {
        async save(snapshot) {
          await snapshots.delete(snapshot.stream);
          await snapshots.save(snapshot);
        },
      }),
    }),
    told: ['a newer one takes the place of an older one, but not the other way round'],
  },
  {
    defect: 'claims do not hold',
    change: ({ timers }) => ({
      timers: altered(timers, {
        claimDue: async ({ target, limit }) =>
          (await timers.list(target, limit)).filter(
            (timer) => timer.dueAt.getTime() < Date.parse('2026-01-01'),
          ),
      }),
    }),
    told: [
      'a claimed timer is not claimed again while the claim holds, and again when it has ended',
      'of 10 that claim on two connections at once, each timer goes to one',
    ],
  },
  {
    defect: 'scheduling an id again replaces the timer',
    change: ({ timers }) => ({
      timers: altered(timers, {
        async schedule(list) {
          await timers.remove(list.map(({ id }) => id));
          await timers.schedule(list);
        },
      }),
    }),
    told: ['scheduling an id again changes nothing, within one call too'],
  },
  {
    defect: 'documents are written one by one',
    change: ({ documents }) => ({
      documents: altered(documents, {
        async write(collection, changes) {
          for (const change of changes) await documents.write(collection, [change]);
        },
      }),
    }),
    told: ['one document that cannot be written keeps all of its write out'],
  },
  {
    defect: 'orders and cursors are ignored',
    change: ({ documents }) => ({
      documents: altered(documents, {
        query: (collection, query) =>
          documents.query(collection, { ...query, orderBy: undefined, after: undefined }),
      }),
    }),
    told: [
      'ordered by a number, null first, then by key',
      'pages of 2 by key hold all once',
      'a malformed cursor, one of another order, and a limit below 1 are refused',
    ],
  },
  {
    defect: 'a lease is had by whoever asks, in the same epoch',
    change: ({ leases }) => ({
      leases: altered(leases, {
        acquire: async ({ names, owner }) => names.map((name) => ({ name, owner, epoch: 1 })),
      }),
    }),
    told: [
      'a free name is had by whoever asks first, and by nobody else',
      'pitfall 2: of 20 owners on two connections that ask at once, one has it',
      'an expired lease is had by another, in the next epoch',
      'pitfall 2: an owner that renews keeps it for as long as it likes',
    ],
  },
  {
    defect: 'renewing does nothing',
    change: ({ leases }) => ({ leases: altered(leases, { renew: async (list) => list }) }),
    told: [
      'pitfall 2: an owner that renews keeps it for as long as it likes',
      'one that expired and that nobody took is renewed by its owner',
      'what was taken is not renewed, and what was kept is',
    ],
  },
  {
    defect: 'leases fence nothing',
    change: (backend) => ({
      checkpoints: altered(backend.checkpoints, {
        move: (move) => backend.checkpoints.move({ ...move, lease: undefined }),
      }),
      transaction: (work) =>
        backend.transaction((tx) =>
          work(
            altered(tx, {
              leases: altered(tx.leases, { hold: async () => {} }),
              checkpoints: altered(tx.checkpoints, {
                move: (move) => tx.checkpoints.move({ ...move, lease: undefined }),
              }),
            }),
          ),
        ),
    }),
    told: [
      'pitfall 2: a stolen lease makes the old owner’s transaction roll back, with what it wrote',
      'a released lease, one of another epoch or owner, and one that never was are lost',
      'a lost lease is told before a checkpoint that stands elsewhere',
    ],
  },
  {
    defect: 'dead letters are told apart by a 32-bit hash of their keys',
    change: ({ deadLetters }) => ({
      deadLetters: altered(deadLetters, {
        park: (processor, letters) =>
          deadLetters.park(
            processor,
            letters.map((letter) => ({ ...letter, sequence: hashed(letter.sequence) })),
          ),
        letters: (processor, sequence, page) => deadLetters.letters(processor, hashed(sequence), page),
      }),
    }),
    told: ['pitfall 25: keys are exact: no two are taken for one'],
  },
  {
    defect: 'the last dead letter of a sequence is retried first',
    change: ({ deadLetters }) => ({
      deadLetters: altered(deadLetters, {
        claim: async (options) => {
          const claim = await deadLetters.claim(options);
          if (claim === undefined) return undefined;
          const { processor, sequence } = claim.letter;
          const letter = (await deadLetters.letters(processor, sequence)).at(-1) ?? claim.letter;
          return { ...claim, letter };
        },
      }),
    }),
    told: [
      'the first letter of a due sequence is claimed, and nobody else gets one of it',
      'pitfall 16: evicted, a letter is gone, and the next of its sequence is due, in order',
    ],
  },
  {
    defect: 'claims on dead letters do not hold',
    change: ({ deadLetters }) => ({
      deadLetters: altered(deadLetters, {
        claim: async (options) => {
          const claim = await deadLetters.claim(options);
          if (claim !== undefined) await deadLetters.release(claim);
          return claim;
        },
        evict: async ({ letter }, { by }) => {
          const { processor, sequence, id } = letter;
          await deadLetters.discard({ processor, sequence, ids: [id], by, reason: 'evicted' });
        },
      }),
    }),
    told: [
      'the first letter of a due sequence is claimed, and nobody else gets one of it',
      'of 10 that claim on two connections at once, each sequence goes to one',
      'a claim ends; the old one does nothing from then on that the new one has it',
    ],
  },
  {
    defect: 'what is done with dead letters is not noted',
    change: ({ deadLetters }) => ({ deadLetters: altered(deadLetters, { audit: async () => [] }) }),
    told: ['whatever was done is noted with who, when and why, newest first'],
  },
  {
    defect: 'silent nodes stay on the list',
    change: ({ nodes }) => ({
      nodes: altered(nodes, { announce: (node) => nodes.announce(node, 86_400_000) }),
    }),
    told: ['a node that is silent for longer than it said is off the list, and back with its next word'],
  },
  {
    defect: 'what is closed answers as before',
    change: () => ({ close: async () => {} }),
    told: [
      'closing ends every subscription without an error, and twice is as good as once',
      'what is closed refuses everything, by a typed error',
    ],
  },
];

/** As peers did: Java's `hashCode()`, in 32 bits. */
const hashed = (key: string): string => {
  let hash = 0;
  for (let index = 0; index < key.length; index++) hash = (Math.imul(hash, 31) + key.charCodeAt(index)) | 0;
  return String(hash);
};

const chapters = [...backendChapters, closing];

describe('the conformance suite of backends', () => {
  it('finds nothing wrong with a backend that keeps every rule', async () => {
    expect(await backendRulesBrokenBy(() => ({}), chapters, 10_000)).toEqual([]);
  });

  it.each(defects)('tells when $defect', async ({ change, told }) => {
    const concerned = chapters.filter(({ rules }) => rules.some(({ name }) => told.includes(name)));
    expect(await backendRulesBrokenBy(change, concerned)).toEqual(expect.arrayContaining([...told]));
  });

  it('names each rule once', () => {
    const names = chapters.flatMap(({ name, rules }) => rules.map((rule) => `${name}: ${rule.name}`));
    expect(new Set(names).size).toBe(names.length);
  });
});

describe('rules about what only some backends can do', () => {
  it('are kept by a backend whose appends cannot join transactions, and says so', async () => {
    const broken = await backendRulesBrokenBy(
      (backend) => ({
        events: altered(backend.events, {
          capabilities: { ...backend.events.capabilities, transactionalAppend: false },
        }),
        transaction: (work) =>
          backend.transaction((tx) =>
            work(
              altered(tx, {
                append: async () => {
                  throw new UnsupportedError('Appends cannot join transactions here.');
                },
              }),
            ),
          ),
      }),
      backendChapters,
    );
    expect(broken).toEqual([]);
  });

  it('are tried on two connections where there are two', async () => {
    let closed = 0;
    const broken = await brokenRules(backendChapters, async () => {
      const backend = memory();
      return new BackendTrial(
        {
          backend,
          connect: async () =>
            altered(backend, {
              close: async () => {
                closed += 1;
              },
            }),
          close: () => backend.close(),
        },
        10_000,
      );
    });
    expect(broken).toEqual([]);
    expect(closed).toBeGreaterThan(0);
  });
});
