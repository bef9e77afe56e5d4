import { readFileSync, writeFileSync } from 'node:fs';
import { withRegions } from './code-blocks.js';
import { pages, readFromRoot, rootPath } from './pages.js';

// Writes the regions into the pages: `npm run docs:samples`.
for (const page of pages()) {
  const path = rootPath(page);
  const before = readFileSync(path, 'utf8');
  const after = withRegions(before, readFromRoot);
  if (after === before) continue;
  writeFileSync(path, after);
  process.stdout.write(`${page}\n`);
}
