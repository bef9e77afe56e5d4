import assert from 'node:assert/strict';
import type { DocumentQuery, StoredDocument } from '../../backend/documents.js';
import { InvalidArgumentError } from '../../log/errors.js';
import { refused } from './assertions.js';
import type { BackendTrial } from './backend-trial.js';
import { rule, type Chapter } from './conformance.js';

const people: readonly (readonly [key: string, document: unknown])[] = [
  ['ada', { age: 36, name: { first: 'Ada' }, active: true, city: 'London' }],
  ['bob', { age: 7.5, name: { first: 'Bob' }, active: false, city: 'london' }],
  ['cyd', { age: -2, name: { first: 'Äpfel' }, active: true, city: 'Ümea' }],
  ['dan', { age: 100, name: { first: '😀' }, active: false, city: 'Zürich' }],
  ['eve', { name: { first: '\uFFFD' }, active: true, city: null }],
  ['fay', { age: null, name: 'Fay', active: null }],
];

const filled = async (trial: BackendTrial): Promise<string> => {
  const name = await trial.collection('age', 'name.first', 'active', 'city');
  await trial.backend.documents.write(
    name,
    people.map(([key, document]) => ({ key, document })),
  );
  return name;
};

const keysOf = (found: readonly StoredDocument[]): string => found.map(({ key }) => key).join(' ');

const finds = (what: string, query: DocumentQuery, expected: string) =>
  rule<BackendTrial>(what, async (trial) => {
    const name = await filled(trial);
    const { documents, next } = await trial.backend.documents.query(name, query);
    assert.equal(keysOf(documents), expected);
    assert.equal(next, undefined);
    const count = await trial.backend.documents.count(name, query.where);
    assert.equal(count, documents.length, 'the count is the same');
  });

/** All pages of a query, and how many there were. */
const paged = async (trial: BackendTrial, name: string, query: DocumentQuery): Promise<[string, number]> => {
  const found: StoredDocument[] = [];
  let after: string | undefined;
  for (let pages = 1; ; pages++) {
    const page = await trial.backend.documents.query(name, { ...query, after });
    found.push(...page.documents);
    if (page.next === undefined) return [keysOf(found), pages];
    assert.ok(page.documents.length > 0 && pages < 100, 'pages that go on');
    after = page.next;
  }
};

const pages = (what: string, query: DocumentQuery, expected: string, count: number) =>
  rule<BackendTrial>(what, async (trial) => {
    assert.deepEqual(await paged(trial, await filled(trial), query), [expected, count]);
  });

/** Finding documents by their indexed fields. */
export const documentQueries: Chapter<BackendTrial> = {
  name: 'queries of documents',
  rules: [
    finds('without conditions all come, in the order of their keys', {}, 'ada bob cyd dan eve fay'),
    finds('descending, in the reverse order of their keys', { descending: true }, 'fay eve dan cyd bob ada'),
    finds('eq: a number', { where: { age: { eq: 7.5 } } }, 'bob'),
    finds('eq: text, exactly', { where: { city: { eq: 'London' } } }, 'ada'),
    finds('eq: text beyond ASCII', { where: { city: { eq: 'Zürich' } } }, 'dan'),
    finds('eq: false', { where: { active: { eq: false } } }, 'bob dan'),
    finds('eq: a field of a field', { where: { 'name.first': { eq: 'Ada' } } }, 'ada'),
    finds('eq null: null, missing, and not a plain value', { where: { age: { eq: null } } }, 'eve fay'),
    finds('eq null: missing on the way', { where: { 'name.first': { eq: null } } }, 'fay'),
    finds('eq: a number is not its text', { where: { age: { eq: '36' } } }, ''),
    finds('in: any of them, null too', { where: { age: { in: [36, null, 55] } } }, 'ada eve fay'),
    finds('in: none of an empty list', { where: { age: { in: [] } } }, ''),
    finds('gt and lt leave the bound out', { where: { age: { gt: -2, lt: 100 } } }, 'ada bob'),
    finds('gte and lte include the bound', { where: { age: { gte: -2, lte: 36 } } }, 'ada bob cyd'),
    finds('numbers are compared as numbers, not as text', { where: { age: { gt: 9 } } }, 'ada dan'),
    finds('text is compared by code points', { where: { 'name.first': { gt: 'Bob' } } }, 'cyd dan eve'),
    finds('a bound holds only for values of its type', { where: { age: { lt: 'zzz' } } }, ''),
    finds('a bound of null holds for nothing', { where: { age: { gte: null } } }, ''),
    finds('several conditions on a field must all hold', { where: { age: { gt: 0, in: [-2, 36] } } }, 'ada'),
    finds('several fields must all hold', { where: { active: { eq: true }, age: { lt: 10 } } }, 'cyd'),
    finds('an empty condition holds for all', { where: { age: {} } }, 'ada bob cyd dan eve fay'),
    finds('ordered by a number, null first, then by key', { orderBy: 'age' }, 'eve fay cyd bob ada dan'),
    finds(
      'descending, all of it is reversed',
      { orderBy: 'age', descending: true },
      'dan ada bob cyd fay eve',
    ),
    finds('ordered by text: by code points', { orderBy: 'name.first' }, 'fay ada bob cyd eve dan'),
    finds('ordered by booleans: false before true', { orderBy: 'active' }, 'fay bob dan ada cyd eve'),
    finds('ordered and filtered', { where: { active: { eq: true } }, orderBy: 'age' }, 'eve cyd ada'),
    pages('pages of 2 by key hold all once', { limit: 2 }, 'ada bob cyd dan eve fay', 3),
    pages('pages of 4 end with what is left', { limit: 4 }, 'ada bob cyd dan eve fay', 2),
    pages('pages of 1 by a field with ties', { limit: 1, orderBy: 'active' }, 'fay bob dan ada cyd eve', 6),
    pages('pages of 2 through null', { limit: 2, orderBy: 'age' }, 'eve fay cyd bob ada dan', 3),
    pages(
      'pages of 1 through null, descending',
      { limit: 1, orderBy: 'age', descending: true },
      'dan ada bob cyd fay eve',
      6,
    ),
    pages('pages of what matches', { limit: 1, where: { active: { eq: false } } }, 'bob dan', 2),
    pages('pages of text beyond ASCII', { limit: 1, orderBy: 'name.first' }, 'fay ada bob cyd eve dan', 6),
    rule(
      'values of several types in one field are ordered somehow, and paged without loss',
      async (trial) => {
        const name = await trial.collection('v');
        const values = [3, 'b', true, null, 'a', 1, false, { x: 1 }, [1], 2, undefined];
        const changes = values.map((v, n) => ({ key: `k${n}`, document: { v } }));
        await trial.backend.documents.write(name, changes);
        for (const descending of [false, true]) {
          const [keys, count] = await paged(trial, name, { limit: 2, orderBy: 'v', descending });
          assert.equal(new Set(keys.split(' ')).size, values.length);
          assert.equal(keys.split(' ').length, values.length);
          assert.equal(count, 6);
        }
      },
    ),
    rule('a page goes on behind its cursor, though that document is gone and others came', async (trial) => {
      const { documents: store } = trial.backend;
      const name = await filled(trial);
      const { next } = await store.query(name, { orderBy: 'age', limit: 3 });
      await store.write(name, [
        { key: 'cyd', document: null },
        { key: 'new', document: { age: 50 } },
        { key: 'old', document: { age: -50 } },
      ]);
      const { documents } = await store.query(name, { orderBy: 'age', limit: 10, after: next });
      assert.equal(keysOf(documents), 'bob ada new dan');
    }),
    rule('a page has 100 documents unless told otherwise', async (trial) => {
      const { documents: store } = trial.backend;
      const name = await trial.collection();
      const keys = Array.from({ length: 150 }, (_, n) => `k${String(n).padStart(3, '0')}`);
      await store.write(
        name,
        keys.map((key) => ({ key, document: { key } })),
      );
      const { documents, next } = await store.query(name);
      assert.equal(documents.length, 100);
      assert.equal((await store.query(name, { after: next })).documents.length, 50);
    }),
    rule('text that is long, odd, or like SQL is a value like any other', async (trial) => {
      const { documents: store } = trial.backend;
      const name = await trial.collection('v', "odd'field", 'a b');
      const values = ["'; DROP TABLE x; --", '%', '\\', '"', '$1', '', ' ', 'x'.repeat(5_000)];
      const changes = values.map((v, n) => ({ key: `k${n}`, document: { v, "odd'field": v, 'a b': n } }));
      await store.write(name, changes);
      for (const [n, v] of values.entries()) {
        for (const field of ['v', "odd'field"]) {
          const { documents } = await store.query(name, { where: { [field]: { eq: v } } });
          assert.equal(keysOf(documents), `k${n}`);
        }
      }
      assert.equal(await store.count(name, { 'a b': { lt: 3 } }), 3);
    }),
    rule('an indexed field that prototypes know is a field like any other', async (trial) => {
      const { documents: store } = trial.backend;
      const name = await trial.collection('constructor', '__proto__.x', 'toString.length');
      const document: unknown = JSON.parse('{"constructor":"c","__proto__":{"x":1}}');
      await store.write(name, [
        { key: 'a', document },
        { key: 'b', document: {} },
      ]);
      assert.equal(await store.count(name, { constructor: { eq: 'c' } }), 1);
      assert.equal(await store.count(name, { '__proto__.x': { eq: 1 } }), 1);
      assert.equal(await store.count(name, { 'toString.length': { eq: null } }), 2);
    }),
    rule('a field that is not indexed is refused by name, in conditions and in order', async (trial) => {
      const { documents: store } = trial.backend;
      const name = await filled(trial);
      for (const attempt of [
        () => store.query(name, { where: { secret: { eq: 1 } } }),
        () => store.query(name, { orderBy: 'secret' }),
        () => store.count(name, { secret: { eq: 1 } }),
      ]) {
        const error = await refused(InvalidArgumentError, attempt);
        assert.ok(error.message.includes('secret'));
      }
    }),
    rule('a malformed cursor, one of another order, and a limit below 1 are refused', async (trial) => {
      const { documents: store } = trial.backend;
      const name = await filled(trial);
      const { next } = await store.query(name, { orderBy: 'age', limit: 1 });
      assert.ok(next);
      for (const query of [
        { after: 'nonsense' },
        { after: '' },
        { after: Buffer.from('[1]').toString('base64url') },
        { after: next },
        { after: next, orderBy: 'city' },
        { after: next, orderBy: 'age', descending: true },
        { limit: 0 },
        { limit: 1.5 },
      ]) {
        await refused(InvalidArgumentError, () => store.query(name, query));
      }
    }),
  ],
};
