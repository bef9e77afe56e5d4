import { writeFileSync } from 'node:fs';

// Draws the picture in docs/ordering.md: `npm run docs:picture`.

const size = {
  width: 992,
  font: 13,
  small: 12,
  margin: 24,
  lane: 62,
  bar: 26,
  head: 62,
  left: 128,
  step: 62,
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

/** Time goes from left to right, in steps. */
const at = (time) => size.left + time * size.step;

const escape = (text) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');

const text = (x, y, value, { fill = colours.text, anchor = 'start', weight, font = size.font } = {}) =>
  `<text x="${x}" y="${y}" fill="${fill}" font-size="${font}" text-anchor="${anchor}"${weight === undefined ? '' : ` font-weight="${weight}"`}>${escape(value)}</text>`;

/** What a reader learns of a writer. */
const arrow = (time, from, to, fill) => {
  const x = at(time);
  return [
    `<line x1="${x}" y1="${from}" x2="${x}" y2="${to - 6}" stroke="${fill}" stroke-dasharray="4 3"/>`,
    `<path d="M${x - 4} ${to - 6} L${x + 4} ${to - 6} L${x} ${to} Z" fill="${fill}"/>`,
  ];
};

/** A transaction: from its first step to its commit, and what happens on the way. */
const transaction = (y, { from, to, fill, steps }) => [
  `<rect x="${at(from)}" y="${y - size.bar / 2}" width="${at(to) - at(from)}" height="${size.bar}" rx="5" fill="${colours.panel}"/>`,
  `<rect x="${at(from)}" y="${y - size.bar / 2}" width="${at(to) - at(from)}" height="${size.bar}" rx="5" fill="${fill}" fill-opacity="0.16" stroke="${fill}"/>`,
  ...steps.map(({ time, says }) =>
    text(at(time), y + 4.5, says, { fill, anchor: 'middle', font: size.small }),
  ),
];

/** What a reader does at a moment: lines of text below its mark. */
const look = (y, { time, lines, fill }) => [
  `<circle cx="${at(time)}" cy="${y}" r="5" fill="${fill}"/>`,
  ...lines.map((line, index) =>
    text(at(time), y + 22 + index * 17, line, { fill, anchor: 'middle', font: size.small }),
  ),
];

/** Lanes one below the other, under a headline; the last one is the reader's, and has room for what it says. */
const panel = (top, { title, says, writers, reader, rows }) => {
  const lanes = [...writers.map(({ name }) => name), 'reader'];
  const height = size.head + writers.length * size.lane + 44 + rows * 17;
  const y = (index) => top + size.head + index * size.lane + 14;
  return {
    height,
    parts: [
      `<rect x="${size.margin}" y="${top}" width="${size.width - 2 * size.margin}" height="${height}" rx="8" fill="${colours.panel}"/>`,
      text(size.margin + 16, top + 26, title, { weight: 'bold' }),
      text(size.margin + 16, top + 45, says, { fill: colours.dim, font: size.small }),
      ...lanes.flatMap((name, index) => [
        text(size.margin + 16, y(index) + 4.5, name, { fill: colours.dim }),
        `<line x1="${size.left - 10}" y1="${y(index)}" x2="${size.width - size.margin - 16}" y2="${y(index)}" stroke="${colours.line}"/>`,
      ]),
      ...writers.flatMap((writer, index) => transaction(y(index), writer)),
      ...reader.flatMap((moment) => look(y(writers.length), moment)),
      ...reader
        .filter(({ sees }) => sees !== undefined)
        .flatMap(({ time, sees }) =>
          arrow(time, y(sees) + size.bar / 2, y(writers.length) - 8, writers[sees].fill),
        ),
    ],
  };
};

const trap = {
  title: 'The trap: positions are drawn before they are committed',
  says: 'The last position given out is 10. Writer A draws first and commits last.',
  writers: [
    {
      name: 'writer A',
      from: 1,
      to: 9.4,
      fill: colours.yellow,
      steps: [
        { time: 1.75, says: 'draws 11' },
        { time: 8.8, says: 'commits' },
      ],
    },
    {
      name: 'writer B',
      from: 2.6,
      to: 5.6,
      fill: colours.blue,
      steps: [
        { time: 3.35, says: 'draws 12' },
        { time: 4.95, says: 'commits' },
      ],
    },
  ],
  reader: [
    {
      time: 6.7,
      fill: colours.text,
      lines: ['reads … 10, 12', 'checkpoint: 12'],
    },
    {
      time: 11,
      fill: colours.red,
      lines: ['reads behind 12: nothing', '11 is lost, for ever'],
    },
  ],
  rows: 2,
};

const reservation = {
  title: 'The reservation: before it draws, a writer locks the last position given out',
  says: 'All that it will write lies above its key, which is held until others can see the commit.',
  writers: [
    {
      name: 'writer A',
      from: 0.2,
      to: 9.4,
      fill: colours.yellow,
      steps: [
        { time: 0.85, says: 'locks 10' },
        { time: 2.0, says: 'draws 11' },
        { time: 8.2, says: 'commits, unlocks' },
      ],
    },
    {
      name: 'writer B',
      from: 2.6,
      to: 6.2,
      fill: colours.blue,
      steps: [
        { time: 3.25, says: 'locks 11' },
        { time: 4.4, says: 'draws 12' },
        { time: 5.6, says: 'commits' },
      ],
    },
  ],
  reader: [
    {
      time: 6.9,
      fill: colours.text,
      sees: 0,
      lines: ['(a) last given out: 12', '(b) smallest key held: 10', '(c) reads up to 10'],
    },
    {
      time: 11,
      fill: colours.green,
      lines: ['(a) last given out: 12', '(b) no key held', '(c) reads 11, 12'],
    },
  ],
  rows: 3,
};

const draw = (panels) => {
  const parts = [];
  let top = size.margin;
  for (const each of panels) {
    const { parts: own, height } = panel(top, each);
    parts.push(...own);
    top += height + 16;
  }
  parts.push(
    text(size.width - size.margin, top + 6, 'time →', { fill: colours.dim, anchor: 'end', font: size.small }),
  );
  const height = top + size.margin - 6;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${size.width} ${height}" width="${size.width}" height="${height}">`,
    `<rect width="100%" height="100%" rx="8" fill="${colours.ground}"/>`,
    `<g font-family="ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace" xml:space="preserve">`,
    ...parts,
    '</g>',
    '</svg>',
    '',
  ].join('\n');
};

writeFileSync(new URL('ordering.svg', import.meta.url), draw([trap, reservation]));
