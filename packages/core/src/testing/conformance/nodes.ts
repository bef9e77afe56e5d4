import assert from 'node:assert/strict';
import type { AnnouncedNode } from '../../backend/nodes.js';
import { InvalidArgumentError } from '../../log/errors.js';
import { refused } from './assertions.js';
import type { BackendTrial } from './backend-trial.js';
import { rule, type Chapter } from './conformance.js';

const node = (trial: BackendTrial, label: string, startedAtMs = 0): AnnouncedNode => ({
  id: trial.name(label),
  name: `host "${label}"`,
  startedAt: new Date(Date.parse('2026-01-01T00:00:00Z') + startedAtMs),
});

const live = async (trial: BackendTrial): Promise<readonly AnnouncedNode[]> =>
  (await trial.backend.nodes.list()).filter(({ id }) => id.startsWith(trial.name('')));

/** Which nodes are alive. */
export const nodes: Chapter<BackendTrial> = {
  name: 'nodes',
  rules: [
    rule(
      'those that announced themselves are listed as they did, the longest running first',
      async (trial) => {
        const full = {
          ...node(trial, 'a', 5),
          version: '1.2.3',
          address: 'http://a:80',
          load: 0.25,
          processors: ['mailer', 'odd "name"'],
        };
        await trial.backend.nodes.announce(full, 60_000);
        await trial.backend.nodes.announce(node(trial, 'c', 2), 60_000);
        await trial.backend.nodes.announce(node(trial, 'b', 2), 60_000);
        assert.deepEqual(await live(trial), [node(trial, 'b', 2), node(trial, 'c', 2), full]);
      },
    ),
    rule('the newest announcement of a node counts', async (trial) => {
      await trial.backend.nodes.announce({ ...node(trial, 'a'), load: 1, address: 'x' }, 60_000);
      await trial.backend.nodes.announce({ ...node(trial, 'a'), load: 2 }, 60_000);
      assert.deepEqual(await live(trial), [{ ...node(trial, 'a'), load: 2 }]);
    }),
    rule(
      'a node that is silent for longer than it said is off the list, and back with its next word',
      async (trial) => {
        await trial.backend.nodes.announce(node(trial, 'a'), 300);
        await trial.backend.nodes.announce(node(trial, 'b'), 60_000);
        await trial.elapse(400);
        assert.deepEqual(await live(trial), [node(trial, 'b')]);
        await trial.backend.nodes.announce(node(trial, 'a'), 60_000);
        assert.equal((await live(trial)).length, 2);
      },
    ),
    rule(
      'a node that withdraws is gone at once; withdrawing one that is not there is no error',
      async (trial) => {
        await trial.backend.nodes.announce(node(trial, 'a'), 60_000);
        await trial.backend.nodes.withdraw(trial.name('a'));
        await trial.backend.nodes.withdraw(trial.name('a'));
        assert.deepEqual(await live(trial), []);
      },
    ),
    rule('what one connection announces another lists', async (trial) => {
      const second = await trial.second();
      await second.nodes.announce(node(trial, 'a'), 60_000);
      assert.equal((await live(trial)).length, 1);
    }),
    rule('what makes no sense is refused', async (trial) => {
      const good = node(trial, 'a');
      for (const wrong of [
        { id: '' },
        { name: 'a\0b' },
        { version: '' },
        { address: 'a'.repeat(501) },
        { load: -1 },
        { load: Number.NaN },
        { startedAt: new Date(Number.NaN) },
      ]) {
        await refused(InvalidArgumentError, () => trial.backend.nodes.announce({ ...good, ...wrong }, 1_000));
      }
      await refused(InvalidArgumentError, () => trial.backend.nodes.announce(good, 0));
      assert.deepEqual(await live(trial), []);
    }),
  ],
};
