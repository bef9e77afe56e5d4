import { ExtractiveMind } from './extractive-mind.js';
import type { Mind } from './mind.js';
import { OpenAiMind } from './openai-mind.js';

/** A mind with words on what it is. */
export interface ChosenMind {
  readonly mind: Mind;
  /** Part of what a research is about: another model may answer otherwise. */
  readonly name: string;
}

/** The environment says too little about the model. */
export class EndpointError extends Error {
  override readonly name = 'EndpointError';
}

/**
 * The mind that the environment asks for: a model behind `OPENAI_BASE_URL`, named by `OPENAI_MODEL` and opened by
 * `OPENAI_API_KEY`; without such a URL, the one that needs no model. A key alone is not enough: documents are sent
 * nowhere without being told where.
 *
 * @throws {EndpointError} a URL without a model, or that is none
 */
export const chooseMind = (environment: NodeJS.ProcessEnv): ChosenMind => {
  const { OPENAI_BASE_URL: baseUrl, OPENAI_API_KEY: apiKey = '', OPENAI_MODEL: model } = environment;
  if (baseUrl === undefined || baseUrl === '') return { mind: new ExtractiveMind(), name: 'extractive' };
  if (!URL.canParse(baseUrl)) throw new EndpointError('OPENAI_BASE_URL is no URL.');
  if (model === undefined || model === '') {
    throw new EndpointError('OPENAI_BASE_URL is set, and OPENAI_MODEL is not: say which model to ask.');
  }
  // The host alone: what else is in a URL may be secret.
  const name = `${model} at ${new URL(baseUrl).host}`;
  return { mind: new OpenAiMind({ baseUrl, apiKey, model }), name };
};
