import type { Document } from './read-documents.js';

/** A paragraph, a list item or a row of a table. */
export interface Passage {
  readonly file: string;
  /** Of its first line, from 1. */
  readonly line: number;
  /** Heading that it stands under; empty before the first. */
  readonly heading: string;
  /** Without markup; line breaks as in the document. */
  readonly text: string;
}

const fence = /^\s*(```|~~~)/;
const heading = /^#{1,6}\s+(.*?)\s*#*$/;
const underline = /^(=+|-+)\s*$/;
const listItem = /^\s*([-*+]|\d+[.)])\s+/;
const tableRow = /^\s*\|/;
const tableRule = /^[\s|:-]+$/;

/**
 * Splits a document into its passages. Markdown is understood as far as it helps: headings, lists, tables, code (which is
 * left out: it answers no question in words); anything else is plain paragraphs.
 */
export const passagesOf = ({ name: file, text }: Document): readonly Passage[] => {
  const passages: Passage[] = [];
  let under = '';
  let code: string | undefined;
  let open: { readonly line: number; readonly lines: string[] } | undefined;

  const close = (): void => {
    if (open !== undefined) {
      const words = open.lines.join('\n');
      if (/\p{L}{2}/u.test(words)) passages.push({ file, line: open.line, heading: under, text: words });
    }
    open = undefined;
  };

  for (const [index, raw] of text.split(/\r\n|\r|\n/).entries()) {
    const [, mark] = fence.exec(raw) ?? [];
    if (code !== undefined || mark !== undefined) {
      close();
      if (code === undefined) code = mark;
      else if (mark === code) code = undefined;
      continue;
    }
    const title = heading.exec(raw)?.[1];
    if (title !== undefined) {
      close();
      under = withoutMarkup(title);
    } else if (underline.test(raw) && open?.lines.length === 1) {
      under = open.lines.join();
      open = undefined;
    } else if (raw.trim() === '') {
      close();
    } else if (tableRow.test(raw)) {
      close();
      if (!tableRule.test(raw)) {
        open = { line: index + 1, lines: [cellsOf(raw)] };
        close();
      }
    } else {
      if (listItem.test(raw)) close();
      open ??= { line: index + 1, lines: [] };
      open.lines.push(withoutMarkup(raw.replace(listItem, '')));
    }
  }
  close();
  return passages;
};

/** A sentence with its line. */
export interface Sentence {
  readonly text: string;
  readonly line: number;
}

const segmenter = new Intl.Segmenter('en', { granularity: 'sentence' });

/** The sentences of a passage, each with the line that it begins on. */
export const sentencesOf = ({ text, line }: Pick<Passage, 'text' | 'line'>): readonly Sentence[] =>
  [...segmenter.segment(text.replaceAll('\n', ' '))].flatMap(({ segment, index }) => {
    const begin = index + (segment.length - segment.trimStart().length);
    const sentence = segment.trim().replaceAll(/\s+/g, ' ');
    return sentence === ''
      ? []
      : [{ text: sentence, line: line + text.slice(0, begin).split('\n').length - 1 }];
  });

const cellsOf = (row: string): string =>
  row
    .split('|')
    .map((cell) => withoutMarkup(cell))
    .filter((cell) => cell !== '')
    .join(': ');

const withoutMarkup = (line: string): string =>
  line
    .replaceAll(/<!--.*?-->|<\/?[a-zA-Z][^>]*>/g, '')
    .replaceAll(/!?\[([^\]]*)\]\([^)]*\)/g, '$1')
    .replaceAll(/\*\*|__|`/g, '')
    .replaceAll(/(?<![\w*])\*(?=\S)|(?<=\S)\*(?![\w*])/g, '')
    .trim();
