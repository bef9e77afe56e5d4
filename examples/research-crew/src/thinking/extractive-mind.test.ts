import { describe, expect, it } from '@jest/globals';
import { Claim, Draft, Finding, Part, Section, Source, claimsOf } from '../domain/material.js';
import { unsupportedClaims } from './evidence.js';
import { ExtractiveMind } from './extractive-mind.js';
import type { Mind } from './mind.js';

const { signal } = new AbortController();
const mind: Mind = new ExtractiveMind();
const overview = { documents: ['a.md'], topics: [{ heading: 'Crashes', file: 'a.md' }] };

const finding = (partId: string, line: number, text: string) =>
  new Finding({ partId, file: 'a.md', line, heading: 'Crashes', text });

describe('planning without a model', () => {
  it('cuts a question where it joins two, and adds headings', async () => {
    const parts = await mind.plan('What is lost in a crash, and how are steps undone?', overview, signal);
    expect(parts.map(({ id, title }) => [id, title])).toEqual([
      ['part-1', 'What is lost in a crash'],
      ['part-2', 'How are steps undone'],
      ['part-3', '“Crashes” in a.md'],
    ]);
  });

  it.each(['Why?', '???', 'crash'])('has a part for every question: %s', async (question) => {
    const [first] = await mind.plan(question, { documents: [], topics: [] }, signal);
    expect(first?.title).not.toBe('');
    expect(first?.query).toBe(question);
  });
});

describe('drafting and reviewing without a model', () => {
  const parts = [
    new Part({ id: 'part-1', title: 'Loss', query: 'what is lost in a crash' }),
    new Part({ id: 'part-2', title: 'Zebras', query: 'zebras' }),
  ];
  const findings = [
    finding('part-1', 3, 'Nothing that was recorded is lost in a crash.\nThe rest is done again after it.'),
    finding('part-1', 9, 'A crash is no reason to worry about lost records.'),
  ];
  const task = { question: 'What is lost in a crash?', parts, findings, problems: [] };

  it('is sent back for what no document says, and mends just that', async () => {
    const first = await mind.draft(task, signal);
    const problems = await mind.review(first, findings, signal);
    expect(problems.map(({ reason }) => reason)).toEqual(['names no source', 'names no source']);

    const second = await mind.draft({ ...task, problems }, signal);
    expect(await mind.review(second, findings, signal)).toEqual([]);
    expect(claimsOf(second).every(({ source }) => source !== undefined)).toBe(true);
    expect(second.unanswered).toEqual(['Zebras']);
    expect(second.lead[0]?.source).toEqual({ file: 'a.md', line: expect.any(Number) });
  });

  it('gives the same draft for the same findings', async () => {
    expect(await mind.draft(task, signal)).toEqual(await mind.draft(task, signal));
  });

  it('says what it does not find, if nothing was found at all', async () => {
    const problems = await mind.review(await mind.draft({ ...task, findings: [] }, signal), [], signal);
    const draft = await mind.draft({ ...task, findings: [], problems }, signal);
    expect(draft).toEqual(new Draft({ lead: [], sections: [], unanswered: ['Loss', 'Zebras'] }));
    expect(await mind.review(draft, [], signal)).toEqual([]);
  });

  it('objects to sources that nobody found, and to those that say something else', () => {
    const claim = (text: string, line: number) =>
      new Claim({ text, source: new Source({ file: 'a.md', line }) });
    const draft = new Draft({
      lead: [claim('Nothing recorded is lost in a crash.', 3), claim('Elephants never forget anything.', 4)],
      sections: [new Section({ title: 'Loss', claims: [claim('Nothing recorded is lost.', 77)] })],
      unanswered: [],
    });
    expect(unsupportedClaims(draft, findings).map(({ reason }) => reason)).toEqual([
      'is not what a.md:4 says',
      'cites a.md:77, which nobody found',
    ]);
  });
});
