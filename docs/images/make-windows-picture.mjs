import { writeFileSync } from 'node:fs';

// Draws the picture in docs/correlation.md: `npm run docs:picture`.

const size = { width: 992, margin: 24, left: 190, top: 92, row: 34, second: 6.1, font: 13, small: 12 };
const colours = {
  ground: '#1b2028',
  panel: '#222934',
  band: '#28303c',
  text: '#d5dbe3',
  dim: '#8b97a6',
  green: '#a6d189',
  red: '#f07178',
  yellow: '#e5c890',
  blue: '#85b7f0',
};
const lateness = 10;
const windows = [
  { from: 0, to: 60, name: 'window 12:00' },
  { from: 60, to: 120, name: 'window 12:01' },
];
/** In the order of the log, by the seconds behind 12:00 at which they happened. */
const events = [
  { time: 12, name: 'a' },
  { time: 48, name: 'b' },
  { time: 64, name: 'c' },
  { time: 41, name: 'd', says: 'out of order, but in time' },
  { time: 78, name: 'e' },
  { time: 52, name: 'f', says: 'late: its window is closed' },
  { time: 104, name: 'g' },
];

const x = (second) => size.left + second * size.second;
const y = (row) => size.top + row * size.row;
const bottom = y(events.length) + 4;
const height = bottom + 64;

const text = (left, top, value, { fill = colours.text, anchor = 'start', weight, font = size.font } = {}) =>
  `<text x="${left}" y="${top}" fill="${fill}" font-size="${font}" text-anchor="${anchor}"${weight === undefined ? '' : ` font-weight="${weight}"`}>${value}</text>`;
const clock = (second) => `12:0${Math.floor(second / 60)}:${String(second % 60).padStart(2, '0')}`;

const parts = [
  `<rect x="${size.margin}" y="${size.margin}" width="${size.width - 2 * size.margin}" height="${height - 2 * size.margin}" rx="8" fill="${colours.panel}"/>`,
  text(40, 50, 'Tumbling windows of a minute, lateness 10 s', { weight: 'bold' }),
  text(40, 69, 'happened →  recorded ↓', { fill: colours.dim, font: size.small }),
  ...windows.flatMap(({ from, to, name }, index) => [
    `<rect x="${x(from)}" y="${size.top - 14}" width="${x(to) - x(from)}" height="${bottom - size.top + 14}" fill="${index % 2 === 0 ? colours.band : colours.ground}"/>`,
    text((x(from) + x(to)) / 2, size.top - 22, name, {
      fill: colours.blue,
      anchor: 'middle',
      font: size.small,
    }),
  ]),
];

let latest = Number.NEGATIVE_INFINITY;
let steps = '';
const closed = new Set();
for (const [row, { time, name, says }] of events.entries()) {
  const top = y(row) + 8;
  const isLate = windows.some((window) => closed.has(window) && time >= window.from && time < window.to);
  latest = Math.max(latest, time);
  const watermark = latest - lateness;
  steps += `${steps === '' ? 'M' : 'L'}${x(watermark)} ${top - size.row / 2} L${x(watermark)} ${top + size.row / 2} `;
  const fill = isLate ? colours.red : says === undefined ? colours.text : colours.green;
  parts.push(
    text(84, top + 4.5, `${name}  ${clock(time)}`, { fill: colours.dim, font: size.small }),
    `<circle cx="${x(time)}" cy="${top}" r="6" fill="${fill}"/>`,
    text(x(time), top - 10, name, { fill, anchor: 'middle', font: size.small }),
  );
  if (says !== undefined) {
    const left = x(time) - 14;
    parts.push(text(left, top + 4.5, says, { fill, anchor: 'end', font: size.small }));
  }
  for (const window of windows) {
    if (closed.has(window) || window.to > watermark) continue;
    closed.add(window);
    parts.push(
      `<line x1="${x(window.from)}" y1="${top}" x2="${x(window.to)}" y2="${top}" stroke="${colours.blue}" stroke-width="2"/>`,
      text(x(window.from) + 8, top - 6, 'closes, with a, b, d', { fill: colours.blue, font: size.small }),
    );
  }
}
parts.push(
  `<path d="${steps}" fill="none" stroke="${colours.yellow}" stroke-width="2" stroke-dasharray="6 3"/>`,
  text(x(latest - lateness) - 6, bottom + 18, 'watermark: 10 s behind the latest time seen', {
    fill: colours.yellow,
    anchor: 'end',
    font: size.small,
  }),
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
writeFileSync(new URL('windows.svg', import.meta.url), svg);
