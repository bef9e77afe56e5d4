/**
 * Keeps the code in the documentation true: each TypeScript block of a page is a region of a file that the tests run.
 *
 * A page names the region in a comment before the block, `<!-- region: test/docs/agents.ts#agents -->`; the file marks it
 * by `// #region agents` and `// #endregion agents`.
 */

/** A block that is no region of a tested file. */
export class CodeBlockError extends Error {}

/** A TypeScript block, with the marker before it if it has one. */
const block = /(?:<!-- region: (\S+?)#(\S+) -->\n)?```(?:ts|tsx|typescript)\n(?:[^]*?\n)??```/g;

/**
 * The page with every block replaced by its region: the page itself, if it is up to date.
 *
 * @param read gives the text of a file, by its path from the repository's root
 * @throws {CodeBlockError} a block without a marker, or a region that is not there
 */
export const withRegions = (page: string, read: (path: string) => string): string =>
  page.replaceAll(block, (whole: string, path: string | undefined, name: string | undefined) => {
    if (path === undefined || name === undefined) {
      throw new CodeBlockError(`This block has no region before it, so nothing tests it:\n${whole}`);
    }
    return `<!-- region: ${path}#${name} -->\n\`\`\`ts\n${regionOf(read(path), name, path)}\`\`\``;
  });

/** How many regions a page shows. */
export const countRegions = (page: string): number => [...page.matchAll(block)].length;

const regionOf = (source: string, name: string, path: string): string => {
  const lines = source.split('\n');
  const begin = lines.findIndex((line) => line.trim() === `// #region ${name}`);
  const end = lines.findIndex((line) => line.trim() === `// #endregion ${name}`);
  if (begin === -1 || end < begin) throw new CodeBlockError(`${path} has no region "${name}".`);
  const shown = lines.slice(begin + 1, end).filter((line) => !/^\s*\/\/ #(end)?region /.test(line));
  const indents = shown.filter((line) => line.trim() !== '').map((line) => line.search(/\S/));
  const indent = Math.min(...indents);
  return `${shown.map((line) => line.slice(indent)).join('\n')}\n`;
};
