import { describe, expect, it } from '@jest/globals';
import { Library } from './library.js';
import { passagesOf, sentencesOf } from './passages.js';
import { termsOf } from './terms.js';

describe('passages', () => {
  it('are paragraphs, items and rows under their headings, with the lines that they begin on', () => {
    const text = [
      '# Title `code`',
      '',
      'First line,',
      'second [line](http://x). **Bold** end.',
      '```ts',
      '# not a heading',
      '```',
      'Under',
      '-----',
      '- item one',
      '  goes on',
      '- item two',
      '',
      '| a | b |',
      '|---|---|',
      '| key | a *value* |',
    ].join('\r\n');
    expect(passagesOf({ name: 'a.md', text })).toEqual([
      { file: 'a.md', line: 3, heading: 'Title code', text: 'First line,\nsecond line. Bold end.' },
      { file: 'a.md', line: 10, heading: 'Under', text: 'item one\ngoes on' },
      { file: 'a.md', line: 12, heading: 'Under', text: 'item two' },
      { file: 'a.md', line: 16, heading: 'Under', text: 'key: a value' },
    ]);
  });

  it('fall into sentences with the lines that these begin on', () => {
    expect(sentencesOf({ line: 5, text: 'One sentence\nhere. Another\none. Third.' })).toEqual([
      { text: 'One sentence here.', line: 5 },
      { text: 'Another one.', line: 6 },
      { text: 'Third.', line: 7 },
    ]);
  });
});

describe('terms', () => {
  it('meet without their endings, and leave common words out', () => {
    expect(termsOf('The processes were killed; killing a process')).toEqual([
      'process',
      'kill',
      'kill',
      'process',
    ]);
    expect(termsOf('Does it kill? It kills. Policies, policy.')).toEqual([
      'kill',
      'kill',
      'policy',
      'policy',
    ]);
  });
});

describe('the library', () => {
  const library = new Library([
    { name: 'cats.md', text: '# Cats\n\nCats sleep all day.\n\nCats hunt at night.' },
    { name: 'dogs.md', text: '# Dogs\n\nDogs bark at cats.\n\n## Food\n\nDogs eat meat.' },
  ]);

  it('finds the best passages first, and nothing for words that nobody uses', () => {
    expect(library.size).toBe(4);
    expect(library.search('hunting cats', 2)[0]?.text).toBe('Cats hunt at night.');
    expect(library.search('zebra', 5)).toEqual([]);
    expect(library.search('', 5)).toEqual([]);
  });

  it('gives an overview of the headings that matter', () => {
    expect(library.overview('What do dogs eat?')).toEqual({
      documents: ['cats.md', 'dogs.md'],
      topics: [
        { heading: 'Food', file: 'dogs.md' },
        { heading: 'Dogs', file: 'dogs.md' },
      ],
    });
  });
});
