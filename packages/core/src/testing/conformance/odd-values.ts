/** `{ "a": { "a": … } }`, so many levels deep. */
const nested = (depth: number): unknown => {
  let value: unknown = 'bottom';
  for (let level = 0; level < depth; level++) value = level % 2 === 0 ? { a: value } : [value];
  return value;
};

/** Values that stores have been seen to lose, change or choke on; each must come back as it was. */
export const oddValues: readonly (readonly [what: string, value: unknown])[] = [
  ['pitfall 19: NUL characters', { 'a\u0000b': 'x\u0000y', list: ['\u0000'] }],
  ['pitfall 19: lone surrogates', { text: '\uD800 \uDFFF', list: ['\uDC00\uD800'] }],
  ['pitfall 19: a lone surrogate as a key', { '\uD83D': 1 }],
  [
    'control characters',
    { text: Array.from({ length: 32 }, (_, code) => String.fromCodePoint(code)).join('') },
  ],
  ['emoji, combined and beyond the basic plane', { text: '😀👩‍👩‍👧‍👦🏴󠁧󠁢󠁥󠁮󠁧󠁿 é e\u0301 𝒳', '😀': 1 }],
  ['line separators and byte order marks', { text: '\u2028\u2029\uFEFF\u200B' }],
  [
    'quotes, backslashes and what SQL and JSON care about',
    { text: `'"\\\\ \\u0000 $1 %s \${x} -- ; /* */ \r\n\t` },
  ],
  ['an own key __proto__', JSON.parse('{"__proto__":{"polluted":true},"a":{"__proto__":1}}')],
  ['keys that prototypes know', JSON.parse('{"constructor":1,"toString":2,"hasOwnProperty":null,"then":3}')],
  ['the empty key, and keys with dots', { '': 1, 'a.b': 2, '0': 3, ' ': 4 }],
  ['the order of keys', { z: 1, a: 2, m: { y: 1, b: 2 } }],
  [
    'numbers at the edge',
    {
      list: [
        0,
        1e308,
        Number.MAX_VALUE,
        Number.MIN_VALUE,
        Number.MAX_SAFE_INTEGER,
        Number.MIN_SAFE_INTEGER,
        2 ** 53 + 2,
        0.1 + 0.2,
        1e21,
        1e-7,
        -1.5,
      ],
    },
  ],
  [
    'booleans, null and empty things',
    { yes: true, no: false, nothing: null, list: [], object: {}, text: '' },
  ],
  ['null alone', null],
  ['false alone', false],
  ['zero alone', 0],
  ['the empty string alone', ''],
  ['a string alone', 'just text'],
  ['a list alone', [1, 'two', [null]]],
  ['500 levels of nesting', nested(500)],
  ['10,000 keys', Object.fromEntries(Array.from({ length: 10_000 }, (_, n) => [`key${n}`, n]))],
  ['a list of 50,000 numbers', Array.from({ length: 50_000 }, (_, n) => n)],
  ['1 MB of text', { text: 'abcdefgh'.repeat(131_072) }],
  ['1 MB of text of four bytes a character', { text: '😀'.repeat(262_144) }],
  ['text that looks like a date', { at: '2026-02-30T25:61:61Z', date: '2026-01-01' }],
];
