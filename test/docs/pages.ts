import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = new URL('../../', import.meta.url);

/** A path from the repository's root, as the machine knows it. */
export const rootPath = (path: string): string => fileURLToPath(new URL(path, root));

export const readFromRoot = (path: string): string => readFileSync(rootPath(path), 'utf8');

/** Every page of the documentation, by its path from the repository's root. */
export const pages = (): readonly string[] => [
  'README.md',
  ...namesIn('docs').map((name) => `docs/${name}`),
  ...namesIn('docs/decisions').map((name) => `docs/decisions/${name}`),
  ...['packages', 'examples'].flatMap((folder) =>
    readdirSync(rootPath(folder))
      .map((name) => `${folder}/${name}/README.md`)
      .filter((path) => existsSync(rootPath(path))),
  ),
];

const namesIn = (folder: string): readonly string[] =>
  readdirSync(rootPath(folder)).filter((name) => name.endsWith('.md'));
