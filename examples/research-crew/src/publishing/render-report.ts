import type { Claim, Draft } from '../domain/material.js';

/** The report as Markdown. Nothing in it depends on when or how often the program ran. */
export const renderReport = (
  question: string,
  { lead, sections, unanswered }: Draft,
  approvedBy: string,
): string => {
  const sources = new Map<string, number>();
  const paragraph = (claims: readonly Claim[]): string =>
    claims
      .map(({ text, source }) => (source === undefined ? text : `${text} [${note(sources, source)}]`))
      .join(' ');

  const answer = [
    ...(lead.length === 0 ? [] : [paragraph(lead)]),
    ...sections.flatMap(({ title, claims }) => [`## ${title}`, paragraph(claims)]),
    ...(unanswered.length === 0
      ? []
      : ['## What the documents do not say', unanswered.map((title) => `- ${title}`).join('\n')]),
  ];
  const notes = [...sources].map(([place, number]) => `${number}. ${place}`).join('\n');
  return [
    `# ${question}`,
    ...answer,
    ...(notes === '' ? [] : ['## Sources', notes]),
    `Approved by ${approvedBy}.`,
    '',
  ]
    .join('\n\n')
    .replace(/\n+$/, '\n');
};

/** Number of the source's note, a new one where it has none. */
const note = (
  sources: Map<string, number>,
  { file, line }: { readonly file: string; readonly line: number },
): number => {
  const place = `${file}:${line}`;
  const number = sources.get(place) ?? sources.size + 1;
  sources.set(place, number);
  return number;
};
