import assert from 'node:assert/strict';
import {
  DeadLetterClaimLostError,
  type DeadLetter,
  type DeadLetterClaim,
  type NewDeadLetter,
} from '../../backend/dead-letters.js';
import { InvalidArgumentError } from '../../log/errors.js';
import { SerializationError } from '../../schema/errors.js';
import { refused } from './assertions.js';
import type { BackendTrial } from './backend-trial.js';
import { rule, type Chapter } from './conformance.js';

const error = { name: 'TypeError', message: 'no \u0000 good \ud800', stack: 'TypeError: no\n  at "x"' };
const by = 'someone';

const letter = (sequence: string, position: bigint, more: Partial<NewDeadLetter> = {}): NewDeadLetter => ({
  sequence,
  position,
  stream: `stream-${sequence.length}`,
  version: Number(position),
  type: 'Happened',
  handler: 'On.happened',
  attempts: 0,
  ...more,
});

const park = (trial: BackendTrial, ...letters: readonly NewDeadLetter[]): Promise<void> =>
  trial.backend.deadLetters.park(trial.name(), letters);

const positions = async (trial: BackendTrial, sequence: string): Promise<readonly bigint[]> =>
  (await trial.backend.deadLetters.letters(trial.name(), sequence)).map(({ position }) => position);

const claimed = async (
  trial: BackendTrial,
  sequence?: string,
  claimMs = 60_000,
): Promise<DeadLetterClaim> => {
  const claim = await trial.backend.deadLetters.claim({ processor: trial.name(), sequence, claimMs });
  assert.ok(claim, `${sequence ?? 'some sequence'} should have been claimed`);
  return claim;
};

const nothing = async (trial: BackendTrial, sequence?: string): Promise<void> => {
  const options = { processor: trial.name(), sequence, claimMs: 60_000 };
  assert.equal(await trial.backend.deadLetters.claim(options), undefined);
};

/** Parking, asking and listing. */
export const deadLetters: Chapter<BackendTrial> = {
  name: 'dead letters',
  rules: [
    rule('a letter comes back with all that it was parked with', async (trial) => {
      const derived = { list: [1, '\u0000\ud800'], of: null };
      await park(trial, letter('k', 7n, { part: 2, derived, error, attempts: 5 }), letter('k', 9n));
      const [first, second] = await trial.backend.deadLetters.letters(trial.name(), 'k');
      assert.ok(first !== undefined && second !== undefined);
      const { id, parkedAt, ...rest } = first;
      assert.deepEqual(rest, {
        ...letter('k', 7n, { derived, error, attempts: 5 }),
        processor: trial.name(),
        part: 2,
      });
      assert.equal(typeof id, 'string');
      assert.ok(!Number.isNaN(parkedAt.getTime()));
      assert.deepEqual(Object.keys(second).toSorted(), [
        'attempts',
        'handler',
        'id',
        'parkedAt',
        'part',
        'position',
        'processor',
        'sequence',
        'stream',
        'type',
        'version',
      ]);
    }),
    rule('positions beyond 2^53 are exact, and nothing is aliased', async (trial) => {
      const position = 2n ** 62n + 1n;
      const derived = { list: [1] };
      await park(trial, letter('k', position, { version: 1, derived }));
      derived.list.push(2);
      const [first] = await trial.backend.deadLetters.letters(trial.name(), 'k');
      assert.equal(first?.position, position);
      assert.deepEqual(first.derived, { list: [1] });
    }),
    rule(
      'pitfall 16: letters of a sequence are in the order of the log, whatever came first',
      async (trial) => {
        await park(trial, letter('k', 5n), letter('k', 3n, { part: 1 }), letter('k', 3n));
        await park(trial, letter('k', 10n), letter('k', 4n), letter('k', 3n, { handler: 'other' }));
        const letters = await trial.backend.deadLetters.letters(trial.name(), 'k');
        assert.deepEqual(
          letters.map(({ position, part, handler }) => [position, part, handler]),
          [
            [3n, 0, 'On.happened'],
            [3n, 0, 'other'],
            [3n, 1, 'On.happened'],
            [4n, 0, 'On.happened'],
            [5n, 0, 'On.happened'],
            [10n, 0, 'On.happened'],
          ],
        );
      },
    ),
    rule('parking again changes nothing, within one call too', async (trial) => {
      await park(trial, letter('k', 3n, { attempts: 1 }), letter('k', 3n, { attempts: 2 }));
      await park(trial, letter('k', 3n, { attempts: 3, error }), letter('k', 4n));
      await park(trial);
      const letters = await trial.backend.deadLetters.letters(trial.name(), 'k');
      assert.deepEqual(
        letters.map(({ position, attempts }) => [position, attempts]),
        [
          [3n, 1],
          [4n, 0],
        ],
      );
    }),
    rule('pitfall 25: keys are exact: no two are taken for one', async (trial) => {
      const keys = [
        '',
        'a',
        'A',
        'a ',
        'ä',
        'a\u0308',
        '\0',
        '\\u0000',
        '\\',
        '\\\\',
        '\ud800',
        '\\ud800',
        '😀',
        "'",
        '%',
      ];
      // Two texts with the same 32-bit hash in Java's way, as those of peers had.
      keys.push('Aa', 'BB', 'x'.repeat(500));
      await park(trial, ...keys.map((key, index) => letter(key, BigInt(index))));
      for (const [index, key] of keys.entries()) {
        assert.deepEqual(await positions(trial, key), [BigInt(index)], JSON.stringify(key));
      }
      assert.deepEqual(await trial.backend.deadLetters.parked(trial.name(), keys), new Set(keys));
      const listed = await trial.backend.deadLetters.sequences(trial.name());
      assert.deepEqual(new Set(listed.map(({ sequence }) => sequence)), new Set(keys));
      assert.equal((await claimed(trial, '\ud800')).letter.sequence, '\ud800');
    }),
    rule('which of many keys are parked is told of this processor alone', async (trial) => {
      const { deadLetters: store } = trial.backend;
      await park(trial, letter('a', 1n), letter('b', 2n));
      await store.park(trial.name('other'), [letter('c', 1n)]);
      const asked = ['a', 'c', ...Array.from({ length: 1_000 }, (_, n) => `k${n}`), 'b'];
      assert.deepEqual(await store.parked(trial.name(), asked), new Set(['a', 'b']));
      assert.deepEqual(await store.parked(trial.name(), []), new Set());
    }),
    rule('sequences are listed with their counts and their first letters', async (trial) => {
      await park(trial, letter('a', 5n), letter('a', 3n, { error, attempts: 2 }), letter('b', 4n));
      const listed = await trial.backend.deadLetters.sequences(trial.name());
      const found = listed.map(({ sequence, letters, first, claimedUntil }) => [
        sequence,
        letters,
        first.position,
        first.error?.message,
        claimedUntil,
      ]);
      assert.deepEqual(
        new Set(found),
        new Set([
          ['a', 2, 3n, error.message, undefined],
          ['b', 1, 4n, undefined, undefined],
        ]),
      );
    }),
    rule('pages hold every sequence, and every letter, once', async (trial) => {
      const { deadLetters: store } = trial.backend;
      await park(trial, ...Array.from({ length: 7 }, (_, n) => letter(`k${n}\\\u0000`, BigInt(n))));
      const seen: string[] = [];
      for (let after: string | undefined; ; ) {
        const page = await store.sequences(trial.name(), { limit: 3, after });
        seen.push(...page.map(({ sequence }) => sequence));
        after = page.at(-1)?.sequence;
        if (page.length < 3) break;
      }
      assert.equal(seen.length, 7);
      assert.equal(new Set(seen).size, 7);
      await park(trial, ...Array.from({ length: 5 }, (_, n) => letter('long', BigInt(n))));
      const first = await store.letters(trial.name(), 'long', { limit: 2 });
      await store.discard({
        processor: trial.name(),
        sequence: 'long',
        ids: [first[1]?.id ?? ''],
        by,
        reason: 'r',
      });
      const rest = await store.letters(trial.name(), 'long', { after: first[1]?.id });
      assert.deepEqual(
        rest.map(({ position }) => position),
        [2n, 3n, 4n],
      );
    }),
    rule('letters are counted by processor', async (trial) => {
      const { deadLetters: store } = trial.backend;
      assert.deepEqual(await store.count(trial.name()), []);
      await park(trial, letter('a', 1n), letter('a', 2n), letter('b', 3n));
      await store.park(trial.name('other'), [letter('c', 1n)]);
      const count = { processor: trial.name(), sequences: 2, letters: 3 };
      assert.deepEqual(await store.count(trial.name()), [count]);
      const own = (await store.count()).filter(({ processor }) =>
        processor.startsWith(trial.name('').slice(0, -1)),
      );
      assert.equal(own.length, 2);
    }),
    rule('what makes no sense is refused, and none of its call is parked', async (trial) => {
      const good = letter('a', 1n);
      for (const wrong of [
        { sequence: 'x'.repeat(501) },
        { stream: '' },
        { type: 'a\0b' },
        { handler: '' },
        { position: -1n },
        { position: 2n ** 63n },
        { version: -1 },
        { part: 0.5 },
        { attempts: Number.NaN },
        { dueInMs: -1 },
      ]) {
        await refused(InvalidArgumentError, () => park(trial, good, { ...good, ...wrong }));
      }
      await refused(SerializationError, () => park(trial, good, { ...good, derived: 1n }));
      await refused(InvalidArgumentError, () => trial.backend.deadLetters.park('', [good]));
      const { deadLetters: store } = trial.backend;
      await refused(InvalidArgumentError, () => store.claim({ processor: trial.name(), claimMs: 0 }));
      await refused(InvalidArgumentError, () => store.letters(trial.name(), 'a', { after: 'x' }));
      await refused(InvalidArgumentError, () => store.sequences(trial.name(), { limit: 0 }));
      await refused(InvalidArgumentError, () => store.audit({ after: 'x' }));
      await refused(InvalidArgumentError, () => store.pruneAudit(Number.NaN));
      await refused(InvalidArgumentError, () =>
        store.discard({ processor: trial.name(), sequence: 'a', by, reason: '' }),
      );
      assert.deepEqual(await store.count(trial.name()), []);
    }),
  ],
};

/** Trying again. */
export const deadLetterRetries: Chapter<BackendTrial> = {
  name: 'retrying dead letters',
  rules: [
    rule('the first letter of a due sequence is claimed, and nobody else gets one of it', async (trial) => {
      await park(trial, letter('a', 2n), letter('a', 1n), letter('b', 3n, { dueInMs: 60_000 }));
      const claim = await claimed(trial);
      assert.equal(claim.letter.position, 1n);
      await nothing(trial);
      await nothing(trial, 'a');
      await nothing(trial, 'unknown');
      const [sequence] = await trial.backend.deadLetters.sequences(trial.name());
      assert.ok(sequence?.claimedUntil !== undefined);
    }),
    rule(
      'a sequence becomes due by the backend’s own clock; one that is named is claimed before',
      async (trial) => {
        await park(trial, letter('a', 1n, { dueInMs: 400 }), letter('b', 2n, { dueInMs: 60_000 }));
        await nothing(trial);
        await trial.elapse(500);
        assert.equal((await claimed(trial)).letter.sequence, 'a');
        assert.equal((await claimed(trial, 'b')).letter.sequence, 'b');
      },
    ),
    rule('the one that has been due for the longest comes first', async (trial) => {
      await park(trial, letter('later', 1n, { dueInMs: 200 }));
      await park(trial, letter('now', 2n));
      await trial.elapse(300);
      assert.equal((await claimed(trial)).letter.sequence, 'now');
      assert.equal((await claimed(trial)).letter.sequence, 'later');
    }),
    rule('a claim ends; the old one does nothing from then on that the new one has it', async (trial) => {
      const { deadLetters: store } = trial.backend;
      await park(trial, letter('a', 1n));
      const old = await claimed(trial, undefined, 300);
      await trial.elapse(400);
      const claim = await claimed(trial);
      const lost = await refused(DeadLetterClaimLostError, () => store.evict(old, { by }));
      assert.equal(lost.letter.position, 1n);
      await refused(DeadLetterClaimLostError, () => store.requeue(old, { by, error }));
      await refused(DeadLetterClaimLostError, () => store.extend(old, 1_000));
      await store.release(old);
      await nothing(trial);
      await store.evict(claim, { by });
    }),
    rule('a claim that ended and that nobody took is still good', async (trial) => {
      await park(trial, letter('a', 1n));
      const claim = await claimed(trial, undefined, 100);
      await trial.elapse(200);
      await trial.backend.deadLetters.extend(claim, 60_000);
      await nothing(trial);
      await trial.backend.deadLetters.evict(claim, { by });
    }),
    rule(
      'pitfall 16: evicted, a letter is gone, and the next of its sequence is due, in order',
      async (trial) => {
        const { deadLetters: store } = trial.backend;
        await park(trial, letter('a', 3n), letter('a', 1n), letter('a', 2n));
        const tried: bigint[] = [];
        for (let round = 0; round < 3; round++) {
          const claim = await claimed(trial);
          tried.push(claim.letter.position);
          await store.evict(claim, { by });
        }
        assert.deepEqual(tried, [1n, 2n, 3n]);
        await nothing(trial);
        assert.deepEqual(await store.parked(trial.name(), ['a']), new Set());
        await park(trial, letter('a', 1n));
        assert.deepEqual(await positions(trial, 'a'), [1n]);
      },
    ),
    rule('put back, a letter keeps its place, with one try more and its new error', async (trial) => {
      const { deadLetters: store } = trial.backend;
      await park(trial, letter('a', 1n, { attempts: 5 }), letter('a', 2n));
      const again = { name: 'Error', message: 'again' };
      await store.requeue(await claimed(trial), { by, error: again, delayMs: 400 });
      await nothing(trial);
      await trial.elapse(500);
      const { letter: first } = await claimed(trial);
      assert.deepEqual([first.position, first.attempts, first.error], [1n, 6, again]);
      assert.ok(first.retriedAt !== undefined && first.retriedAt >= first.parkedAt);
    }),
    rule('a claim given back has tried nothing', async (trial) => {
      await park(trial, letter('a', 1n));
      await trial.backend.deadLetters.release(await claimed(trial));
      assert.equal((await claimed(trial)).letter.attempts, 0);
      assert.deepEqual(await trial.backend.deadLetters.audit({ processor: trial.name() }), []);
    }),
    rule('a letter parked in front of a claimed one does not get into its way', async (trial) => {
      await park(trial, letter('a', 5n));
      const claim = await claimed(trial);
      await park(trial, letter('a', 3n));
      await nothing(trial);
      await trial.backend.deadLetters.evict(claim, { by });
      assert.deepEqual(await positions(trial, 'a'), [3n]);
    }),
    rule('of 10 that claim on two connections at once, each sequence goes to one', async (trial) => {
      const second = await trial.second();
      await park(trial, ...Array.from({ length: 12 }, (_, n) => letter(`k${n}`, BigInt(n))));
      const claims = await Promise.all(
        Array.from({ length: 10 }, (_, n) =>
          (n % 2 === 0 ? trial.backend : second).deadLetters.claim({
            processor: trial.name(),
            claimMs: 60_000,
          }),
        ),
      );
      const sequences = claims.flatMap((claim) => (claim === undefined ? [] : [claim.letter.sequence]));
      assert.equal(new Set(sequences).size, sequences.length);
      for (let left = 12 - sequences.length; left > 0; left--) await claimed(trial);
      await nothing(trial);
    }),
    rule('parking races with evicting the last one, and no letter is lost', async (trial) => {
      const second = await trial.second();
      for (let round = 0n; round < 10n; round++) {
        await park(trial, letter('a', 2n * round));
        const claim = await claimed(trial, 'a');
        await Promise.all([
          trial.backend.deadLetters.evict(claim, { by }),
          second.deadLetters.park(trial.name(), [letter('a', 2n * round + 1n)]),
        ]);
        assert.deepEqual(await positions(trial, 'a'), [2n * round + 1n]);
        await trial.backend.deadLetters.evict(await claimed(trial, 'a'), { by });
      }
      assert.deepEqual(await trial.backend.deadLetters.count(trial.name()), []);
    }),
  ],
};

/** Giving up, and the audit. */
export const deadLetterAudit: Chapter<BackendTrial> = {
  name: 'discarding dead letters, and their audit',
  rules: [
    rule('letters of a sequence are discarded, some or all, and of no other', async (trial) => {
      const { deadLetters: store } = trial.backend;
      await park(trial, letter('a', 1n), letter('a', 2n), letter('a', 3n), letter('b', 4n));
      const [, middle] = await store.letters(trial.name(), 'a');
      const options = { processor: trial.name(), sequence: 'a', by, reason: 'obsolete' };
      assert.equal(await store.discard({ ...options, ids: [middle?.id ?? '', '9.9.999999'] }), 1);
      assert.deepEqual(await positions(trial, 'a'), [1n, 3n]);
      assert.equal(await store.discard(options), 2);
      assert.equal(await store.discard(options), 0);
      assert.deepEqual(await store.parked(trial.name(), ['a', 'b']), new Set(['b']));
    }),
    rule('a claimed letter can be discarded, and its claim is lost', async (trial) => {
      const { deadLetters: store } = trial.backend;
      await park(trial, letter('a', 1n), letter('a', 2n));
      const claim = await claimed(trial);
      const ids = [claim.letter.id];
      assert.equal(await store.discard({ processor: trial.name(), sequence: 'a', ids, by, reason: 'r' }), 1);
      await refused(DeadLetterClaimLostError, () => store.evict(claim, { by }));
      const next = await claimed(trial);
      assert.equal(next.letter.position, 2n);
      await store.discard({ processor: trial.name(), sequence: 'a', by, reason: 'r' });
      await refused(DeadLetterClaimLostError, () => store.requeue(next, { by, error }));
    }),
    rule('discarding a letter behind a claimed one leaves the claim alone', async (trial) => {
      const { deadLetters: store } = trial.backend;
      await park(trial, letter('a', 1n), letter('a', 2n));
      const claim = await claimed(trial);
      const [, last] = await store.letters(trial.name(), 'a');
      await store.discard({ processor: trial.name(), sequence: 'a', ids: [last?.id ?? ''], by, reason: 'r' });
      await nothing(trial, 'a');
      await store.evict(claim, { by });
    }),
    rule('when the first one is discarded, the next is due at once', async (trial) => {
      const { deadLetters: store } = trial.backend;
      await park(trial, letter('a', 1n, { dueInMs: 60_000 }), letter('a', 2n));
      const [first] = await store.letters(trial.name(), 'a');
      await store.discard({
        processor: trial.name(),
        sequence: 'a',
        ids: [first?.id ?? ''],
        by,
        reason: 'r',
      });
      assert.equal((await claimed(trial)).letter.position, 2n);
    }),
    rule('whatever was done is noted with who, when and why, newest first', async (trial) => {
      const { deadLetters: store } = trial.backend;
      await park(trial, letter('a', 1n, { derived: { n: 1 } }), letter('b', 2n));
      await store.requeue(await claimed(trial, 'a'), { by: 'retry', error });
      await store.evict(await claimed(trial, 'a'), { by: 'retry', reason: 'mended' });
      await store.discard({ processor: trial.name(), sequence: 'b', by: 'Ann', reason: 'a test' });
      const entries = await store.audit({ processor: trial.name() });
      assert.deepEqual(
        entries.map(({ action, by: who, reason, letter: { position, attempts, derived } }) => [
          action,
          who,
          reason,
          position,
          attempts,
          derived,
        ]),
        [
          ['discarded', 'Ann', 'a test', 2n, 0, undefined],
          ['handled', 'retry', 'mended', 1n, 1, { n: 1 }],
          ['requeued', 'retry', undefined, 1n, 1, { n: 1 }],
        ],
      );
      const [, handled] = entries;
      assert.ok(handled !== undefined && !Number.isNaN(handled.at.getTime()));
      const { id, ...first }: DeadLetter = handled.letter;
      assert.equal(first.error?.message, error.message);
      assert.equal(id, entries[2]?.letter.id);
      assert.equal((await store.audit({ processor: trial.name(), sequence: 'b' })).length, 1);
      assert.equal((await store.audit({ processor: trial.name(), action: 'requeued' })).length, 1);
      const [newest] = await store.audit({ processor: trial.name(), limit: 1 });
      assert.equal((await store.audit({ processor: trial.name(), after: newest?.id })).length, 2);
    }),
    rule('old entries of the audit are forgotten when asked for', async (trial) => {
      const { deadLetters: store } = trial.backend;
      await park(trial, letter('a', 1n), letter('b', 2n));
      await store.discard({ processor: trial.name(), sequence: 'a', by, reason: 'old' });
      assert.equal(await store.pruneAudit(86_400_000), 0);
      await trial.elapse(300);
      await store.discard({ processor: trial.name(), sequence: 'b', by, reason: 'new' });
      assert.ok((await store.pruneAudit(200)) >= 1);
      const left = await store.audit({ processor: trial.name() });
      assert.deepEqual(
        left.map(({ reason }) => reason),
        ['new'],
      );
    }),
    rule('parking and the checkpoint commit together, or neither', async (trial) => {
      const { deadLetters: store, checkpoints } = trial.backend;
      const failure = new Error('the work failed');
      await park(trial, letter('old', 1n));
      const work = (fails: boolean): Promise<void> =>
        trial.backend.transaction(async (tx) => {
          await tx.deadLetters.park(trial.name(), [letter('a', 2n)]);
          assert.deepEqual(await tx.deadLetters.parked(trial.name(), ['a']), new Set(['a']));
          const claim = await tx.deadLetters.claim({
            processor: trial.name(),
            sequence: 'old',
            claimMs: 1_000,
          });
          assert.ok(claim);
          await tx.deadLetters.evict(claim, { by });
          await tx.checkpoints.move({
            processor: trial.name(),
            segment: 0,
            previous: undefined,
            position: 2n,
          });
          if (fails) throw failure;
        });
      await assert.rejects(work(true), (thrown) => thrown === failure);
      assert.deepEqual(await store.parked(trial.name(), ['a', 'old']), new Set(['old']));
      assert.deepEqual(await store.audit({ processor: trial.name() }), []);
      assert.equal(await checkpoints.load(trial.name()), undefined);
      await work(false);
      assert.deepEqual(await store.parked(trial.name(), ['a', 'old']), new Set(['a']));
      assert.equal((await store.audit({ processor: trial.name() })).length, 1);
    }),
    rule('a lost claim rolls back what was done for it', async (trial) => {
      const second = await trial.second();
      const collection = await trial.collection();
      await park(trial, letter('a', 1n));
      const claim = await claimed(trial);
      await second.deadLetters.discard({ processor: trial.name(), sequence: 'a', by, reason: 'r' });
      await refused(DeadLetterClaimLostError, () =>
        trial.backend.transaction(async (tx) => {
          await tx.documents.write(collection, [{ key: 'a', document: 1 }]);
          await tx.deadLetters.evict(claim, { by });
        }),
      );
      assert.equal(await trial.backend.documents.count(collection), 0);
    }),
  ],
};
