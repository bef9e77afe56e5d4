import { access, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { deterministicId, memory, newId, type Application, type Backend } from '@tidemark/core';
import { Projections } from '@tidemark/projections';
import { Desks } from './agents/desks.js';
import { Pace } from './agents/pace.js';
import { Sabotage, breakableSteps, type BreakableStep } from './agents/sabotage.js';
import { Board } from './board.js';
import { causalTree, type Effect } from './causes.js';
import { createCrew } from './crew.js';
import { AskQuestion, SubmitPlan } from './domain/research-commands.js';
import { follow, type Answer } from './follow.js';
import { Library } from './library/library.js';
import { Reports } from './publishing/reports.js';
import { isTold } from './terminal/narration.js';
import { PlainScreen } from './terminal/screen.js';
import { treeLines } from './terminal/summary.js';
import { ExtractiveMind } from './thinking/extractive-mind.js';

const question = 'What is lost in a crash, and how are steps undone?';
const text = `# Crashes

Nothing that was recorded is lost in a crash. What was not recorded is done again.

# Undoing

Steps are undone in reverse order when a later step fails for good.
`;

describe('the crew', () => {
  let folder = '';
  let backend: Backend;
  let app: Application;
  let output = '';
  const researchId = newId();

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'crew-'));
    backend = memory();
    output = '';
  });

  afterEach(async () => {
    await app.stop();
    await rm(folder, { recursive: true, force: true });
  });

  const work = async (given: Answer, fail?: BreakableStep) => {
    app = createCrew({
      backend,
      library: new Library([{ name: 'crashes.md', text }]),
      mind: new ExtractiveMind(),
      reports: new Reports(folder),
      desks: new Desks(2),
      pace: new Pace(0),
      sabotage: new Sabotage(fail),
    });
    await app.start();
    await app.send(new AskQuestion({ researchId, question }), {
      id: deterministicId(researchId, 'ask'),
      metadata: { correlationId: researchId },
    });
    const out = new PassThrough();
    out.on('data', (chunk) => (output += String(chunk)));
    return follow({
      app,
      backend,
      researchId,
      after: 0n,
      screen: new PlainScreen(out),
      signal: AbortSignal.timeout(20_000),
      answer: async () => ({ answer: given, by: 'a tester' }),
    });
  };

  const report = () => join(folder, `report-${researchId}.md`);
  const board = () => app.get(Projections).of(Board).get(researchId);
  const types = async (): Promise<readonly string[]> => {
    const found: string[] = [];
    for await (const batch of backend.events.readAll()) found.push(...batch.map(({ type }) => type));
    return found.filter((type) => !type.startsWith('saga.'));
  };

  it('answers a question with a report in which every sentence has a source', async () => {
    const saga = await work('yes');
    expect(saga).toMatchObject({ status: 'completed', result: { file: `report-${researchId}.md` } });
    const written = await readFile(report(), 'utf8');
    expect(written).toContain('Steps are undone in reverse order when a later step fails for good. [');
    expect(written).toContain('crashes.md:7');
    expect(written).toMatch(/Approved by a tester\.\n$/);
    expect(await board()).toMatchObject({ status: 'published', question });
    expect((await types()).filter((type) => type === 'research.draft-rejected')).toHaveLength(1);
    expect(output).toMatch(/critic +draft rejected \(draft 1, \d problems\)/);
  });

  it('knows who caused what', async () => {
    await work('yes');
    const events = [];
    for await (const batch of backend.events.readAll()) events.push(...batch);
    const tree = causalTree(events, isTold);
    const count = (effects: readonly Effect[]): number =>
      effects.reduce((sum, { effects: below }) => sum + 1 + count(below), 0);
    expect(count(tree)).toBe(events.filter(isTold).length);
    expect(tree.map(({ event }) => event.type)).toEqual([
      'research.question-asked',
      'saga.research.approval-decided',
    ]);
    expect(treeLines(tree)[1]).toMatch(/^ {2}│ {2}└─ plan requested/);
  });

  it('does nothing a second time for a question that is answered', async () => {
    await work('yes');
    const before = await types();
    await app.stop();
    expect(await work('yes')).toMatchObject({ status: 'completed' });
    expect(await types()).toEqual(before);
  });

  it('waits for a person who is not there, and goes on with one who is', async () => {
    expect(await work('later')).toMatchObject({ status: 'waiting', approvals: [{ name: 'publish' }] });
    await expect(access(report())).rejects.toThrow('ENOENT');
    await app.stop();
    expect(await work('yes')).toMatchObject({ status: 'completed' });
  });

  it('undoes everything, the last step first, where a person says no', async () => {
    expect(await work('no')).toMatchObject({ status: 'compensated', reason: 'a tester did not approve' });
    const undone = (await types()).filter((type) => /withdrawn|discarded/.test(type));
    expect(undone.slice(0, 4)).toEqual([
      'research.review-withdrawn',
      'research.draft-withdrawn',
      'research.review-withdrawn',
      'research.draft-withdrawn',
    ]);
    expect(undone.at(-1)).toBe('research.plan-discarded');
    expect(await board()).toMatchObject({ status: 'abandoned' });
  });

  it.each(breakableSteps)(
    'asks twice and then undoes what was done, where the agent of step %s fails',
    async (step) => {
      const saga = await work('yes', step);
      expect(saga.status).toBe('compensated');
      expect(
        saga.steps.filter(({ status }) => status === 'failed').map(({ name, attempts }) => [name, attempts]),
      ).toEqual([[step, 2]]);
      expect(saga.steps.filter(({ status, undo }) => status === 'completed' && undo !== 'done')).toEqual([]);
      expect((await board())?.tasks.filter(({ state }) => state === 'failed')).toHaveLength(1);
      await expect(access(report())).rejects.toThrow('ENOENT');
    },
  );

  it('refuses what comes out of order, and what is not valid', async () => {
    await work('yes');
    await expect(app.send(new SubmitPlan({ researchId, parts: [] }))).rejects.toThrow(
      'SubmitPlan is out of order: the research is published and awaits nothing.',
    );
    await expect(app.send(new AskQuestion({ researchId: 'no uuid', question: '' }))).rejects.toThrow(
      /researchId[^]*question/,
    );
  });
});
