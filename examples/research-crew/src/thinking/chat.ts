import { field } from '../field.js';

/** Where a model is to be asked, over the protocol of OpenAI's chat completions, which many servers speak. */
export interface Endpoint {
  /** As far as the version, e.g. `https://api.openai.com/v1`. */
  readonly baseUrl: string;
  /** Sent as the bearer token; in no message and no log. */
  readonly apiKey: string;
  readonly model: string;
  /** Most milliseconds for one answer. Default: 60,000. */
  readonly timeoutMs?: number | undefined;
}

/** The model gave no answer that can be used. The message never holds the key. */
export class ModelError extends Error {
  override readonly name = 'ModelError';
}

/**
 * Asks the model once, for a JSON object.
 *
 * @param signal gives up early
 * @throws {ModelError} no answer in time, an error status, or no JSON
 */
export const askModel = async (
  { baseUrl, apiKey, model, timeoutMs = 60_000 }: Endpoint,
  task: { readonly instructions: string; readonly material: string },
  signal: AbortSignal,
): Promise<unknown> => {
  const timeout = AbortSignal.timeout(timeoutMs);
  let body: unknown;
  try {
    const response = await fetch(`${baseUrl.replace(/\/+$/, '')}/chat/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${apiKey}` },
      body: JSON.stringify({
        model,
        temperature: 0,
        response_format: { type: 'json_object' },
        messages: [
          { role: 'system', content: task.instructions },
          { role: 'user', content: task.material },
        ],
      }),
      signal: AbortSignal.any([signal, timeout]),
    });
    if (!response.ok) {
      await response.body?.cancel();
      throw new ModelError(`The model's endpoint answered with status ${response.status}.`);
    }
    body = await response.json();
  } catch (error) {
    if (error instanceof ModelError) throw error;
    // Given up from outside: that is not the model's fault, and whoever gave up knows why.
    signal.throwIfAborted();
    if (timeout.aborted) throw new ModelError(`The model gave no answer within ${timeoutMs} ms.`);
    throw new ModelError(`The model's endpoint cannot be reached, or gave no JSON (${kindOf(error)}).`);
  }
  const text = answerIn(body);
  try {
    return JSON.parse(text.replace(/^\s*```(?:json)?\s*|\s*```\s*$/g, ''));
  } catch {
    throw new ModelError('The model was asked for JSON and answered with something else.');
  }
};

/** What failed, without the request: undici puts headers into some of its messages. */
const kindOf = (error: unknown): string => {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  if (typeof cause === 'object' && cause !== null && 'code' in cause) return String(cause.code);
  return cause instanceof Error ? cause.name : 'unknown';
};

const answerIn = (body: unknown): string => {
  const choices = field(body, 'choices');
  const content = field(field(Array.isArray(choices) ? choices[0] : undefined, 'message'), 'content');
  if (typeof content === 'string') return content;
  throw new ModelError("The answer of the model's endpoint holds no message.");
};
