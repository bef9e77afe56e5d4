import { Claim, Draft, Part, Problem, Section, Source, type Finding } from '../domain/material.js';
import { field } from '../field.js';
import type { Overview } from '../library/library.js';
import { askModel, ModelError, type Endpoint } from './chat.js';
import { unsupportedClaims } from './evidence.js';
import { Mind, type DraftTask } from './mind.js';

/**
 * A mind that asks a model. What the model answers becomes events like any other result, so it is never asked again for
 * work that is recorded; and the rule on sources holds for it too.
 */
export class OpenAiMind extends Mind {
  readonly #endpoint: Endpoint;

  constructor(endpoint: Endpoint) {
    super();
    this.#endpoint = endpoint;
  }

  override async plan(question: string, overview: Overview, signal: AbortSignal): Promise<readonly Part[]> {
    const answer = await askModel(
      this.#endpoint,
      {
        instructions:
          'Split the question into two to four parts that can be looked up in the documents. Answer with JSON: ' +
          '{"parts":[{"title":"the part as a question","query":"words to search for"}]}',
        material: JSON.stringify({ question, ...overview }),
      },
      signal,
    );
    const parts = listIn(answer, 'parts').slice(0, 6);
    if (parts.length === 0) throw new ModelError('The model planned no parts.');
    return parts.map(
      (part, index) =>
        new Part({ id: `part-${index + 1}`, title: textIn(part, 'title'), query: textIn(part, 'query') }),
    );
  }

  override async draft(task: DraftTask, signal: AbortSignal): Promise<Draft> {
    const answer = await askModel(
      this.#endpoint,
      {
        instructions:
          'Answer the question from the findings alone. Each claim is one sentence in the words of the passage that ' +
          'it comes from, with that passage as its source. Mend what the problems name. Answer with JSON: ' +
          '{"lead":[CLAIM],"sections":[{"title":"…","claims":[CLAIM]}],"unanswered":["titles of parts without an answer"]} ' +
          'where CLAIM is {"text":"…","source":{"file":"…","line":1}}',
        material: JSON.stringify(task),
      },
      signal,
    );
    return new Draft({
      lead: listIn(answer, 'lead').map(claimIn),
      sections: listIn(answer, 'sections').map(
        (section) =>
          new Section({ title: textIn(section, 'title'), claims: listIn(section, 'claims').map(claimIn) }),
      ),
      unanswered: listIn(answer, 'unanswered').filter((title) => typeof title === 'string'),
    });
  }

  override async review(
    draft: Draft,
    findings: readonly Finding[],
    signal: AbortSignal,
  ): Promise<readonly Problem[]> {
    const unsupported = unsupportedClaims(draft, findings);
    if (unsupported.length > 0) return unsupported;
    const answer = await askModel(
      this.#endpoint,
      {
        instructions:
          'Name every claim of the draft that its source does not say. Answer with JSON: ' +
          '{"problems":[{"claim":"text of the claim","reason":"why"}]}, with an empty list if there is none',
        material: JSON.stringify({ draft, findings }),
      },
      signal,
    );
    return listIn(answer, 'problems').map(
      (problem) => new Problem({ claim: textIn(problem, 'claim'), reason: textIn(problem, 'reason') }),
    );
  }
}

const claimIn = (value: unknown): Claim => {
  const text = textIn(value, 'text');
  const file = field(field(value, 'source'), 'file');
  const line = Number(field(field(value, 'source'), 'line'));
  return typeof file === 'string' && file !== '' && Number.isSafeInteger(line) && line > 0
    ? new Claim({ text, source: new Source({ file, line }) })
    : new Claim({ text });
};

const textIn = (value: unknown, name: string): string => {
  const text = field(value, name);
  if (typeof text === 'string' && text.trim() !== '') return text;
  throw new ModelError(`The model's answer lacks a text "${name}".`);
};

const listIn = (value: unknown, name: string): readonly unknown[] => {
  const list = field(value, name);
  if (Array.isArray(list)) return list;
  throw new ModelError(`The model's answer lacks a list "${name}".`);
};
