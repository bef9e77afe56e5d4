import { writeFileSync } from 'node:fs';
import { assign } from '../../packages/core/src/cluster/assignment.ts';

// Draws the picture in docs/distribution.md from what the nodes really work out: `npm run docs:picture`.

const size = { width: 992, margin: 24, top: 84, cell: 40, gap: 6, row: 86, font: 13, small: 12 };
const colours = {
  ground: '#1b2028',
  panel: '#222934',
  free: '#28303c',
  text: '#d5dbe3',
  dim: '#8b97a6',
  red: '#f07178',
  yellow: '#e5c890',
};
const nodes = [
  { name: 'node-a', colour: '#85b7f0' },
  { name: 'node-b', colour: '#d3a6f0' },
  { name: 'node-c', colour: '#a6d189' },
];
const segments = Array.from({ length: 16 }, (_, id) => `${id}/15`);
const share = (among) =>
  assign({ processor: 'ledger', segments, nodes: among.map(({ name }) => ({ name })) });

const before = share(nodes);
const scenes = [
  { says: 'Three nodes share sixteen segments', there: nodes, owners: before },
  {
    says: 'node-b is killed: its leases end, the others take what was its own, and keep what they have',
    there: nodes.filter(({ name }) => name !== 'node-b'),
    owners: share(nodes.filter(({ name }) => name !== 'node-b')),
  },
  {
    says: 'A new node-b comes: as much is handed over to it as it has to have',
    there: nodes,
    owners: before,
  },
];

const text = (left, top, value, { fill = colours.text, anchor = 'start', font = size.font, weight } = {}) =>
  `<text x="${left}" y="${top}" fill="${fill}" font-size="${font}" text-anchor="${anchor}"${weight === undefined ? '' : ` font-weight="${weight}"`}>${value}</text>`;
const colourOf = (name) => nodes.find((node) => node.name === name)?.colour ?? colours.free;

const left = 40;
const step = size.cell + size.gap;
const height = size.top + scenes.length * size.row + 74;
const parts = [
  `<rect x="${size.margin}" y="${size.margin}" width="${size.width - 2 * size.margin}" height="${height - 2 * size.margin}" rx="8" fill="${colours.panel}"/>`,
  text(left, 52, 'Segments of the processor "ledger", by the node that has the lease', { weight: 'bold' }),
  ...nodes.flatMap(({ name, colour }, index) => [
    `<rect x="${size.width - 300 + index * 88}" y="41" width="12" height="12" rx="2" fill="${colour}"/>`,
    text(size.width - 283 + index * 88, 52, name, { fill: colours.dim, font: size.small }),
  ]),
];
let last = before;
for (const [row, { says, owners }] of scenes.entries()) {
  const top = size.top + row * size.row;
  parts.push(text(left, top + 6, says, { fill: colours.dim, font: size.small }));
  for (const [index, segment] of segments.entries()) {
    const owner = owners.get(segment);
    const moved = owner !== last.get(segment);
    const x = left + index * step;
    parts.push(
      `<rect x="${x}" y="${top + 18}" width="${size.cell}" height="${size.cell}" rx="5" fill="${colourOf(owner)}"${moved ? ` stroke="${colours.yellow}" stroke-width="3"` : ''}/>`,
      text(x + size.cell / 2, top + 42, segment, { fill: colours.ground, anchor: 'middle', font: 11 }),
    );
  }
  const counts = nodes.map(({ name }) => segments.filter((segment) => owners.get(segment) === name).length);
  parts.push(text(left + segments.length * step + 14, top + 43, counts.join(' + '), { font: size.small }));
  last = owners;
}
parts.push(
  text(left, height - 46, 'framed: has another node than before', { fill: colours.yellow, font: size.small }),
);

const svg = [
  `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${size.width} ${height}" width="${size.width}" height="${height}">`,
  `<rect width="100%" height="100%" rx="8" fill="${colours.ground}"/>`,
  `<g font-family="ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace" xml:space="preserve">`,
  ...parts,
  '</g>',
  '</svg>',
  '',
].join('\n');
writeFileSync(new URL('distribution.svg', import.meta.url), svg);
