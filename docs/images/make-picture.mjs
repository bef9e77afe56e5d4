import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { stripVTControlCharacters as plain } from 'node:util';
import { createAnsiSequenceParser } from 'ansi-sequence-parser';

// Makes the picture in the README from a real run of the example: `npm run docs:picture`. Needs a build.
// With a file as argument, which holds the output of a run with its colours, from that.

const root = fileURLToPath(new URL('../../', import.meta.url));

/** The parts of the output that are shown; with the events as they come and the saga's story it would be twice as long. */
const shown = ['Who caused what', 'The board', 'Figures'];

const size = { font: 13, column: 7.8, row: 18, margin: 16, bar: 34 };
const colours = {
  text: '#d5dbe3',
  black: '#5c6773',
  red: '#f07178',
  green: '#a6d189',
  yellow: '#e5c890',
  blue: '#85b7f0',
  magenta: '#d3a6f0',
  cyan: '#7fd4dd',
  white: '#d5dbe3',
  brightBlack: '#7d8896',
};

const run = () => {
  const folder = mkdtempSync(join(tmpdir(), 'tidemark-picture-'));
  const program = ['examples/research-crew/dist/main.js', '--approve', '--data', join(folder, 'data')];
  const { status, stdout, stderr } = spawnSync(process.execPath, program, {
    cwd: root,
    env: { ...process.env, FORCE_COLOR: '1' },
    encoding: 'utf8',
  });
  rmSync(folder, { recursive: true });
  if (status !== 0) throw new Error(`The example ended with ${status}:\n${stderr}`);
  return stdout.replaceAll(join(folder, 'data'), '.tidemark/research-crew').replaceAll(root, './');
};

/** The sections, each from its headline to the empty line behind it, after the head of the output. */
const select = (output) => {
  const sections = output.trim().split('\n\n');
  const wanted = sections.filter(
    (section, index) => index === 0 || shown.some((title) => plain(section).startsWith(title)),
  );
  const [head, ...rest] = [...wanted, sections.at(-1)];
  return [head, ...rest].join('\n\n').split('\n');
};

const escape = (text) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');

const span = ({ value, foreground, decorations }) => {
  const colour = foreground?.type === 'named' ? colours[foreground.name] : undefined;
  const attributes = [
    colour === undefined ? '' : ` fill="${colour}"`,
    decorations.has('bold') ? ' font-weight="bold"' : '',
    decorations.has('dim') ? ' opacity="0.6"' : '',
  ].join('');
  return attributes === '' ? escape(value) : `<tspan${attributes}>${escape(value)}</tspan>`;
};

const draw = (lines) => {
  const parser = createAnsiSequenceParser();
  const width = Math.ceil(
    Math.max(...lines.map((line) => plain(line).length)) * size.column + 2 * size.margin,
  );
  const height = lines.length * size.row + size.bar + size.margin;
  const rows = lines.map((line, index) => {
    const y = size.bar + (index + 0.75) * size.row;
    return `<text x="${size.margin}" y="${y}">${parser.parse(line).map(span).join('')}</text>`;
  });
  const lights = ['#f07178', '#e5c890', '#a6d189'].map(
    (fill, index) => `<circle cx="${size.margin + 6 + index * 20}" cy="16" r="5.5" fill="${fill}"/>`,
  );
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}">`,
    `<rect width="100%" height="100%" rx="8" fill="#1b2028"/>`,
    ...lights,
    `<g font-family="ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace" font-size="${size.font}" fill="${colours.text}" xml:space="preserve">`,
    ...rows,
    '</g>',
    '</svg>',
    '',
  ].join('\n');
};

const [file] = process.argv.slice(2);
const output = file === undefined ? run() : readFileSync(file, 'utf8');
const prompt = ['\u001B[32m$\u001B[39m npm start', ''];
writeFileSync(new URL('research-crew.svg', import.meta.url), draw([...prompt, ...select(output)]));
