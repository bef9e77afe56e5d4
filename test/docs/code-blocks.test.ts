import { describe, expect, it } from '@jest/globals';
import { countRegions, withRegions } from './code-blocks.js';
import { existsSync } from 'node:fs';
import { pages, readFromRoot, rootPath } from './pages.js';

describe('the code on the pages', () => {
  it.each(pages())('%s shows what the tests run', (page) => {
    const text = readFromRoot(page);
    expect(withRegions(text, readFromRoot)).toBe(text);
  });

  it('is there at all', () => {
    expect(countRegions(readFromRoot('README.md'))).toBeGreaterThanOrEqual(3);
  });

  it('shows in the README pieces of at most forty lines', () => {
    for (const [code] of readFromRoot('README.md').matchAll(/```ts\n[^]*?```/g)) {
      expect(code.split('\n').length - 2).toBeLessThanOrEqual(40);
    }
  });
});

describe('links between the pages', () => {
  it.each(pages())('%s leads nowhere that is not there', (page) => {
    const base = new URL(page, 'file:///');
    const missing = [...readFromRoot(page).matchAll(/\]\((?!https?:|#)([^)#]+)/g)]
      .map(([, link = '']) => new URL(link, base).pathname.slice(1))
      .filter((path) => !existsSync(rootPath(path)));
    expect(missing).toEqual([]);
  });
});

describe('withRegions', () => {
  const source =
    'const before = 0;\n  // #region a\n  if (1) {\n    // #region b\n    f();\n    // #endregion b\n  }\n  // #endregion a\n';
  const read = (): string => source;

  it('puts regions in, without their indent and the marks of others', () => {
    const page = 'x\n<!-- region: f.ts#a -->\n```ts\nold\n```\n<!-- region: f.ts#b -->\n```ts\n```\ny';
    expect(withRegions(page, read)).toBe(
      'x\n<!-- region: f.ts#a -->\n```ts\nif (1) {\n  f();\n}\n```\n<!-- region: f.ts#b -->\n```ts\nf();\n```\ny',
    );
  });

  it('refuses blocks that nothing tests', () => {
    expect(() => withRegions('```ts\nf();\n```', read)).toThrow('nothing tests it');
    expect(() => withRegions('<!-- region: f.ts#c -->\n```ts\n```', read)).toThrow('f.ts has no region "c"');
  });
});
