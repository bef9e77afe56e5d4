/** Packs every public package as it would be published, and asks publint and attw whether it can be used. */
import { execFile } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const root = path.join(import.meta.dirname, '..');
const bin = (name) => path.join(root, 'node_modules', '.bin', name);
const wanted = ['LICENSE', 'README.md', 'package.json'];
const unwanted = /\.test(-d)?\.|\.tsbuildinfo$/;

async function check(folder, out) {
  const packed = await run('npm', ['pack', '--json', '--silent', '--pack-destination', out], { cwd: folder });
  const [{ filename, files }] = Object.values(JSON.parse(packed.stdout));
  const paths = files.map((file) => file.path);
  const problems = [
    ...wanted.filter((file) => !paths.includes(file)).map((file) => `${file} is missing`),
    ...paths.filter((file) => unwanted.test(file)).map((file) => `${file} should not be published`),
  ];
  const tarball = path.join(out, filename);
  for (const [tool, args] of [
    ['publint', ['run', tarball, '--strict']],
    ['attw', [tarball, '--profile', 'esm-only', '--no-emoji', '--no-color']],
  ]) {
    await run(bin(tool), args).catch((error) => problems.push([tool, error.stdout, error.stderr].join('\n')));
  }
  return { count: paths.length, problems };
}

const out = await mkdtemp(path.join(tmpdir(), 'tidemark-pack-'));
try {
  for (const name of (await readdir(path.join(root, 'packages'))).toSorted()) {
    const folder = path.join(root, 'packages', name);
    const manifest = JSON.parse(await readFile(path.join(folder, 'package.json'), 'utf8'));
    if (manifest.private) {
      continue;
    }
    const { count, problems } = await check(folder, out);
    console.log(`${problems.length === 0 ? 'ok  ' : 'FAIL'} ${manifest.name} (${count} files)`);
    for (const problem of problems) {
      console.log(`     ${problem}`);
      process.exitCode = 1;
    }
  }
} finally {
  await rm(out, { recursive: true, force: true });
}
