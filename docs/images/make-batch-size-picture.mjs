import { writeFileSync } from 'node:fs';
import { AdaptiveSize } from '../../packages/core/src/processing/adaptive-size.ts';

// Draws the picture in docs/batches.md from a run of the real controller: `npm run docs:picture`.

const target = 50;
const max = 1_000;

/** What a call takes, by what is wrong at the time; and how many events wait for it. */
const phases = [
  { until: 70, says: 'a backlog', perEvent: 0.1, waiting: Number.POSITIVE_INFINITY },
  {
    until: 130,
    says: 'what is called gets four times as slow',
    perEvent: 0.4,
    waiting: Number.POSITIVE_INFINITY,
  },
  { until: 175, says: 'and quick again', perEvent: 0.1, waiting: Number.POSITIVE_INFINITY },
  { until: 210, says: 'caught up: 40 wait', perEvent: 0.1, waiting: 40 },
];
const perCall = 4;
const batches = phases.at(-1).until;

/** The same noise each time: up to a tenth more or less. */
let seed = 7;
const noise = () => {
  seed = (seed * 1_103_515_245 + 12_345) % 2 ** 31;
  return 0.9 + (0.2 * seed) / 2 ** 31;
};

const phaseOf = (batch) => phases.find(({ until }) => batch < until);

const controller = new AdaptiveSize({ min: 1, max, targetMs: target });
const run = Array.from({ length: batches }, (_, batch) => {
  const { perEvent, waiting } = phaseOf(batch);
  const allowed = controller.current;
  const size = Math.min(allowed, waiting);
  const tookMs = (perCall + perEvent * size) * noise();
  controller.record({ size, tookMs, wasFull: size === allowed, failed: false });
  return { allowed, size, tookMs, best: (target - perCall) / perEvent };
});

const size = {
  width: 992,
  margin: 24,
  left: 92,
  right: 40,
  panel: 190,
  gap: 46,
  top: 84,
  font: 13,
  small: 12,
};
const colours = {
  ground: '#1b2028',
  panel: '#222934',
  text: '#d5dbe3',
  dim: '#8b97a6',
  line: '#3a4452',
  green: '#a6d189',
  red: '#f07178',
  yellow: '#e5c890',
  blue: '#85b7f0',
};
const height = size.top + 2 * size.panel + size.gap + 58;

const x = (batch) => size.left + (batch / batches) * (size.width - size.left - size.right);
const scale = (top, most) => (value) => top + size.panel - (Math.min(value, most) / most) * size.panel;

const text = (left, top, value, { fill = colours.text, anchor = 'start', weight, font = size.font } = {}) =>
  `<text x="${left}" y="${top}" fill="${fill}" font-size="${font}" text-anchor="${anchor}"${weight === undefined ? '' : ` font-weight="${weight}"`}>${value}</text>`;

const line = (points, stroke, more = '') =>
  `<polyline points="${points.map(([left, top]) => `${left.toFixed(1)},${top.toFixed(1)}`).join(' ')}" fill="none" stroke="${stroke}" stroke-width="1.8"${more}/>`;

/** One of the two diagrams: its ground, its scale, and where the phases change. */
const panel = (top, name, marks, y) => [
  `<rect x="${size.left}" y="${top}" width="${size.width - size.left - size.right}" height="${size.panel}" fill="${colours.panel}"/>`,
  text(size.left, top - 10, name, { weight: 'bold' }),
  ...marks.flatMap((mark) => [
    `<line x1="${size.left}" y1="${y(mark)}" x2="${size.width - size.right}" y2="${y(mark)}" stroke="${colours.line}"/>`,
    text(size.left - 8, y(mark) + 4, String(mark), { fill: colours.dim, anchor: 'end', font: size.small }),
  ]),
  ...phases
    .slice(0, -1)
    .map(
      ({ until }) =>
        `<line x1="${x(until)}" y1="${top}" x2="${x(until)}" y2="${top + size.panel}" stroke="${colours.dim}" stroke-dasharray="3 4"/>`,
    ),
];

const sizes = scale(size.top, 600);
const second = size.top + size.panel + size.gap;
const times = scale(second, 200);
const starts = [0, ...phases.map(({ until }) => until)];

const parts = [
  text(size.margin, 30, `A batch should take ${target} ms: what the size does about it`, {
    weight: 'bold',
    font: 15,
  }),
  ...phases.map(({ says, until }, index) =>
    text((x(starts[index]) + x(until)) / 2, 52, says, {
      fill: colours.dim,
      anchor: 'middle',
      font: size.small,
    }),
  ),
  ...panel(size.top, 'events in a batch', [0, 200, 400, 600], sizes),
  line(
    run.map(({ best }, batch) => [x(batch), sizes(best)]),
    colours.green,
    ' stroke-dasharray="6 4"',
  ),
  line(
    run.map(({ allowed }, batch) => [x(batch), sizes(allowed)]),
    colours.blue,
  ),
  line(
    run.map(({ size: events }, batch) => [x(batch), sizes(events)]),
    colours.yellow,
  ),
  ...panel(second, 'milliseconds that it took', [0, 50, 100, 150, 200], times),
  line(
    [
      [x(0), times(target)],
      [x(batches), times(target)],
    ],
    colours.green,
    ' stroke-dasharray="6 4"',
  ),
  line(
    run.map(({ tookMs }, batch) => [x(batch), times(tookMs)]),
    colours.red,
  ),
  ...[0, 50, 100, 150, 200].map((batch) =>
    text(x(batch), second + size.panel + 18, String(batch), {
      fill: colours.dim,
      anchor: 'middle',
      font: size.small,
    }),
  ),
  text(size.width - size.right, second + size.panel + 40, 'number of the batch', {
    fill: colours.dim,
    anchor: 'end',
    font: size.small,
  }),
  text(size.left, second + size.panel + 40, 'dashed: the size that takes just as long, and the target', {
    fill: colours.green,
    font: size.small,
  }),
  text(size.left + 440, second + size.panel + 40, 'most allowed', { fill: colours.blue, font: size.small }),
  text(size.left + 556, second + size.panel + 40, 'events in the batch', {
    fill: colours.yellow,
    font: size.small,
  }),
];

const picture = [
  `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${size.width} ${height}" width="${size.width}" height="${height}">`,
  `<rect width="100%" height="100%" rx="8" fill="${colours.ground}"/>`,
  `<g font-family="ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace" xml:space="preserve">`,
  ...parts,
  '</g>',
  '</svg>',
  '',
].join('\n');
writeFileSync(new URL('batch-size.svg', import.meta.url), picture);
