import { Claim, Draft, Part, Section, Source, type Finding, type Problem } from '../domain/material.js';
import type { Overview } from '../library/library.js';
import { sentencesOf } from '../library/passages.js';
import { termsOf } from '../library/terms.js';
import { sourceFor, unsupportedClaims } from './evidence.js';
import { Mind, type DraftTask } from './mind.js';

const mostParts = 4;
const claimsPerSection = 3;

/** A sentence of a finding that might be quoted. */
interface Quote {
  readonly text: string;
  readonly source: Source;
  readonly score: number;
}

/**
 * A mind without a model: it splits the question by its grammar and the documents' headings, and answers in the
 * documents' own sentences. The same question over the same documents always gives the same report.
 */
export class ExtractiveMind extends Mind {
  override async plan(question: string, { topics }: Overview): Promise<readonly Part[]> {
    const clauses = clausesOf(question);
    const sides = clauses.length > 1 ? clauses : [question];
    const parts = sides.slice(0, mostParts).map((clause) => ({ title: sentenceCase(clause), query: clause }));
    for (const { heading, file } of topics) {
      if (parts.length >= mostParts) break;
      parts.push({ title: `“${heading}” in ${file}`, query: `${heading} ${question}` });
    }
    return parts.map(({ title, query }, index) => new Part({ id: `part-${index + 1}`, title, query }));
  }

  /**
   * The first draft has sentences of the mind's own that lead from one quote to the next, as people write them: no
   * document says these. Where the critic objects to one, the next draft gives it a source or does without it.
   */
  override async draft({ question, parts, findings, problems }: DraftTask): Promise<Draft> {
    const objected = new Set(problems.map(({ claim }) => claim));
    const mended = (text: string): readonly Claim[] => {
      if (!objected.has(text)) return [new Claim({ text })];
      const source = sourceFor(text, findings);
      return source === undefined ? [] : [new Claim({ text, source })];
    };

    const used = new Set<string>();
    const sections: Section[] = [];
    const unanswered: string[] = [];
    for (const part of parts) {
      const own = findings.filter(({ partId }) => partId === part.id);
      const quotes = bestQuotes(part.query, own, used, claimsPerSection);
      if (quotes.length === 0) unanswered.push(part.title);
      else {
        const opening = `On this, ${commonest(own.map(({ file }) => file))} has the most to say.`;
        sections.push(
          new Section({ title: part.title, claims: [...mended(opening), ...quotes.map(asClaim)] }),
        );
      }
    }

    const lead = mended(
      `The question has ${parts.length} sides, and the documents answer ${sections.length} of them.`,
    );
    const [summary] = lead.length > 0 ? [] : bestQuotes(question, findings, new Set(), 1);
    return new Draft({ lead: summary === undefined ? lead : [asClaim(summary)], sections, unanswered });
  }

  override async review(draft: Draft, findings: readonly Finding[]): Promise<readonly Problem[]> {
    return unsupportedClaims(draft, findings);
  }
}

/** The question cut where it joins several, if each piece means something by itself. */
const clausesOf = (question: string): readonly string[] =>
  question
    .split(/[?;.!]\s*|,?\s+(?:and|but)\s+(?=\w)/i)
    .map((clause) => clause.trim())
    .filter((clause) => termsOf(clause).length >= 2);

const sentenceCase = (clause: string): string => {
  const text = clause.replace(/[?.!\s]+$/, '') || clause;
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}`;
};

/**
 * The sentences that have most of the query's terms, in the order of the documents. Terms that few sentences have count
 * for more (as in BM25), and long sentences for a little less.
 *
 * @param used texts that are taken already; those chosen are added
 */
const bestQuotes = (
  query: string,
  findings: readonly Finding[],
  used: Set<string>,
  limit: number,
): readonly Quote[] => {
  const sentences = findings.flatMap((finding) =>
    sentencesOf(finding)
      .filter(({ text }) => text.length >= 30 && text.length <= 400)
      .map(({ text, line }) => ({ text, line, file: finding.file, terms: new Set(termsOf(text)) })),
  );
  const weight = new Map<string, number>();
  for (const term of new Set(termsOf(query))) {
    const having = sentences.filter(({ terms }) => terms.has(term)).length;
    weight.set(term, Math.log(1 + (sentences.length + 1) / (having + 0.5)));
  }
  const quotes = sentences
    .map(({ text, line, file, terms }): Quote => {
      // Rows and items that are no whole sentence read badly as an answer.
      const finished = /[.!?][)”"]?$/.test(text) ? 1 : 0.5;
      const hits = [...terms].reduce((sum, term) => sum + (weight.get(term) ?? 0), 0);
      return {
        text,
        source: new Source({ file, line }),
        score: (hits * finished) / Math.sqrt(8 + terms.size),
      };
    })
    .filter(({ score }) => score > 0)
    .toSorted((one, other) => other.score - one.score || compare(place(one), place(other)));
  const chosen: Quote[] = [];
  for (const quote of quotes) {
    if (chosen.length === limit) break;
    if (used.has(quote.text)) continue;
    used.add(quote.text);
    chosen.push(quote);
  }
  const best = chosen[0]?.source.file;
  return chosen.toSorted(
    (one, other) =>
      Number(other.source.file === best) - Number(one.source.file === best) ||
      compare(place(one), place(other)),
  );
};

const commonest = (files: readonly string[]): string => {
  const times = new Map<string, number>();
  for (const file of files) times.set(file, (times.get(file) ?? 0) + 1);
  const most = Math.max(...times.values());
  return files.find((file) => times.get(file) === most) ?? '';
};

const place = ({ source }: Quote): string => `${source.file}:${String(source.line).padStart(7, '0')}`;

const compare = (one: string, other: string): number => (one === other ? 0 : one < other ? -1 : 1);

const asClaim = ({ text, source }: Quote): Claim => new Claim({ text, source });
