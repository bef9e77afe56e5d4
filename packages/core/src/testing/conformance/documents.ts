import assert from 'node:assert/strict';
import { InvalidArgumentError } from '../../log/errors.js';
import { SerializationError } from '../../schema/errors.js';
import { refused } from './assertions.js';
import type { BackendTrial } from './backend-trial.js';
import { rule, type Chapter } from './conformance.js';
import { oddValues } from './odd-values.js';

/** Writing documents and loading them by key. */
export const documents: Chapter<BackendTrial> = {
  name: 'documents',
  rules: [
    rule('documents are loaded by their keys; missing ones are left out', async (trial) => {
      const { documents: store } = trial.backend;
      const name = await trial.collection();
      await store.write(name, [
        { key: 'a', document: { n: 1 } },
        { key: 'b', document: { n: 2 } },
      ]);
      const found = await store.load(name, ['b', 'missing', 'a']);
      assert.deepEqual([found.get('a'), found.get('b'), found.size], [{ n: 1 }, { n: 2 }, 2]);
      assert.equal((await store.load(name, [])).size, 0);
    }),
    rule('a document is replaced as a whole, and deleted by null', async (trial) => {
      const { documents: store } = trial.backend;
      const name = await trial.collection();
      await store.write(name, [
        { key: 'a', document: { old: 1, both: 1 } },
        { key: 'b', document: 1 },
      ]);
      await store.write(name, [
        { key: 'a', document: { both: 2 } },
        { key: 'b', document: null },
        { key: 'never', document: null },
      ]);
      assert.deepEqual([...(await store.load(name, ['a', 'b', 'never']))], [['a', { both: 2 }]]);
      assert.equal(await store.count(name), 1);
    }),
    rule('of several changes to one key in one write, the last counts', async (trial) => {
      const { documents: store } = trial.backend;
      const name = await trial.collection();
      await store.write(name, [
        { key: 'a', document: 1 },
        { key: 'b', document: 1 },
        { key: 'a', document: 2 },
        { key: 'b', document: null },
        { key: 'c', document: null },
        { key: 'c', document: 3 },
      ]);
      const found = await store.load(name, ['a', 'b', 'c']);
      assert.deepEqual([found.get('a'), found.has('b'), found.get('c')], [2, false, 3]);
      await store.write(name, []);
    }),
    rule('what a caller changes afterwards changes nothing in the store', async (trial) => {
      const { documents: store } = trial.backend;
      const name = await trial.collection();
      const document = { list: [1] };
      await store.write(name, [{ key: 'a', document }]);
      document.list.push(2);
      const loaded = (await store.load(name, ['a'])).get('a') as typeof document;
      loaded.list.push(3);
      assert.deepEqual((await store.load(name, ['a'])).get('a'), { list: [1] });
      const [found] = (await store.query(name)).documents;
      assert.deepEqual(found, { key: 'a', document: { list: [1] } });
    }),
    rule('pitfall 19: odd documents come back byte for byte', async (trial) => {
      const { documents: store } = trial.backend;
      const name = await trial.collection('text', 'a');
      for (const [what, document] of oddValues) {
        if (document === null) continue;
        await store.write(name, [{ key: what, document }]);
        const loaded = (await store.load(name, [what])).get(what);
        assert.ok(JSON.stringify(loaded) === JSON.stringify(document), what);
      }
    }),
    rule('odd keys are keys', async (trial) => {
      const { documents: store } = trial.backend;
      const name = await trial.collection();
      const keys = ['__proto__', 'o\'brien"\\', '😀', ' ', 'a/b%c_', 'x'.repeat(500)];
      await store.write(
        name,
        keys.map((key) => ({ key, document: { key } })),
      );
      const found = await store.load(name, keys);
      for (const key of keys) assert.deepEqual(found.get(key), { key });
      assert.equal((await store.query(name)).documents.length, keys.length);
    }),
    rule('one document that cannot be written keeps all of its write out', async (trial) => {
      const { documents: store } = trial.backend;
      const name = await trial.collection();
      const good = { key: 'good', document: 1 };
      await refused(SerializationError, () => store.write(name, [good, { key: 'bad', document: { n: 1n } }]));
      await refused(SerializationError, () => store.write(name, [good, { key: 'bad', document: undefined }]));
      for (const key of ['', 'x'.repeat(501), 'nul\0']) {
        await refused(InvalidArgumentError, () => store.write(name, [good, { key, document: 1 }]));
      }
      assert.equal(await store.count(name), 0);
    }),
    rule('2,000 documents are written in one go', async (trial) => {
      const { documents: store } = trial.backend;
      const name = await trial.collection('n');
      const keys = Array.from({ length: 2000 }, (_, n) => `key-${n}`);
      await store.write(
        name,
        keys.map((key, n) => ({ key, document: { n } })),
      );
      assert.equal(await store.count(name), 2000);
      assert.equal((await store.load(name, keys)).size, 2000);
    }),
    rule('collections are apart, also when the name of one begins with the other’s', async (trial) => {
      const { documents: store } = trial.backend;
      const names = [
        trial.name('c'),
        trial.name('cc'),
        trial.name('C'),
        `${trial.name()} "odd'; 😀`.padEnd(200, 'x'),
      ];
      for (const name of names) {
        await store.ensure({ name, indexes: [] });
        await store.write(name, [{ key: 'k', document: name }]);
      }
      for (const name of names) assert.equal((await store.load(name, ['k'])).get('k'), name);
    }),
    rule('making a collection ready again keeps what is in it', async (trial) => {
      const { documents: store } = trial.backend;
      const name = await trial.collection('n');
      await store.write(name, [{ key: 'a', document: { n: 1, m: 2 } }]);
      await store.ensure({ name, indexes: ['n'] });
      assert.equal(await store.count(name, { n: { eq: 1 } }), 1);
    }),
    rule('indexes can be added and taken away later', async (trial) => {
      const { documents: store } = trial.backend;
      const name = await trial.collection('n');
      await store.write(name, [{ key: 'a', document: { n: 1, m: 2 } }]);
      await store.ensure({ name, indexes: ['m', 'deep.field'] });
      assert.equal(await store.count(name, { m: { eq: 2 } }), 1);
      await refused(InvalidArgumentError, () => store.count(name, { n: { eq: 1 } }));
    }),
    rule(
      'a dropped collection is gone, and made again it is empty; dropping none is no error',
      async (trial) => {
        const { documents: store } = trial.backend;
        const name = await trial.collection('n');
        await store.write(name, [{ key: 'a', document: { n: 1 } }]);
        await store.drop(name);
        await store.drop(name);
        await refused(InvalidArgumentError, () => store.query(name));
        await store.ensure({ name, indexes: [] });
        assert.equal(await store.count(name), 0);
      },
    ),
    rule('a collection that was not made ready is refused by name', async (trial) => {
      const { documents: store } = trial.backend;
      const name = trial.name('unknown');
      for (const attempt of [
        () => store.load(name, ['a']),
        () => store.write(name, [{ key: 'a', document: 1 }]),
        () => store.query(name),
        () => store.count(name),
      ]) {
        const error = await refused(InvalidArgumentError, attempt);
        assert.ok(error.message.includes(name));
      }
      await refused(InvalidArgumentError, () => store.ensure({ name: '', indexes: [] }));
      await refused(InvalidArgumentError, () => store.ensure({ name: 'x'.repeat(201), indexes: [] }));
    }),
  ],
};
