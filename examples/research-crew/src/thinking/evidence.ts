import { claimsOf, Problem, Source, type Claim, type Draft, type Finding } from '../domain/material.js';
import { sentencesOf } from '../library/passages.js';
import { termsOf } from '../library/terms.js';

/** The least share of a claim's terms that its source must have. */
const enough = 0.6;

/** How much of a claim a text says too: the share of its terms, from 0 to 1. */
export const support = (claim: string, text: string): number => {
  const claimed = new Set(termsOf(claim));
  if (claimed.size === 0) return 0;
  const said = new Set(termsOf(text));
  return [...claimed].filter((term) => said.has(term)).length / claimed.size;
};

/** The sentence among the findings that says what the claim says, or `undefined` if none does. */
export const sourceFor = (claim: string, findings: readonly Finding[]): Source | undefined => {
  let best: { readonly source: Source; readonly share: number } | undefined;
  for (const finding of findings) {
    for (const { text, line } of sentencesOf(finding)) {
      const share = support(claim, text);
      if (share >= enough && share > (best?.share ?? 0)) {
        best = { source: new Source({ file: finding.file, line }), share };
      }
    }
  }
  return best?.source;
};

/**
 * The rule that no mind may break: each claim names a passage that was found, and the passage says it.
 * It needs no model, so it also holds against one.
 */
export const unsupportedClaims = (draft: Draft, findings: readonly Finding[]): readonly Problem[] =>
  claimsOf(draft).flatMap((claim) => {
    const reason = objectionTo(claim, findings);
    return reason === undefined ? [] : [new Problem({ claim: claim.text, reason })];
  });

const objectionTo = ({ text, source }: Claim, findings: readonly Finding[]): string | undefined => {
  if (source === undefined) return 'names no source';
  const place = `${source.file}:${source.line}`;
  const cited = findings.filter((finding) => {
    const last = finding.line + finding.text.split('\n').length - 1;
    return finding.file === source.file && finding.line <= source.line && source.line <= last;
  });
  if (cited.length === 0) return `cites ${place}, which nobody found`;
  return cited.some((finding) => support(text, finding.text) >= enough)
    ? undefined
    : `is not what ${place} says`;
};
