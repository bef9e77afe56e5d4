import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Draft, Finding } from '../domain/material.js';
import { ModelError } from './chat.js';
import { chooseMind } from './choose-mind.js';
import { OpenAiMind } from './openai-mind.js';

const apiKey = 'sk-very-secret';

describe('a mind that asks a model over HTTP', () => {
  let server: Server;
  let answer: (request: IncomingMessage, response: ServerResponse) => void;
  let requests: { readonly path: string; readonly authorization: unknown; readonly body: unknown }[];
  let baseUrl = '';
  const { signal } = new AbortController();

  const says = (content: string, status = 200) => {
    answer = (_, response) => {
      response.writeHead(status, { 'content-type': 'application/json' });
      response.end(JSON.stringify({ choices: [{ message: { role: 'assistant', content } }] }));
    };
  };
  const mind = (timeoutMs = 5_000) => new OpenAiMind({ baseUrl, apiKey, model: 'test-model', timeoutMs });
  const failure = async (work: Promise<unknown>): Promise<Error> => {
    const error = await work.then(
      () => undefined,
      (reason: unknown) => reason,
    );
    if (!(error instanceof Error)) throw new Error('It did not fail.');
    expect(`${error.message} ${error.stack}`).not.toContain(apiKey);
    return error;
  };

  beforeEach(async () => {
    requests = [];
    server = createServer((request, response) => {
      let text = '';
      request.on('data', (chunk) => (text += String(chunk)));
      request.on('end', () => {
        const { url = '', headers } = request;
        requests.push({ path: url, authorization: headers.authorization, body: JSON.parse(text) });
        answer(request, response);
      });
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    if (typeof address === 'string' || address === null) throw new Error('The server has no port.');
    baseUrl = `http://127.0.0.1:${address.port}/v1/`;
  });

  afterEach(async () => {
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
  });

  it('plans, with the key in the header and nowhere else', async () => {
    says('```json\n{"parts":[{"title":"Who?","query":"who"},{"title":"Why?","query":"why"}]}\n```');
    const parts = await mind().plan('Who and why?', { documents: ['a.md'], topics: [] }, signal);
    expect(parts.map(({ id, query }) => `${id} ${query}`)).toEqual(['part-1 who', 'part-2 why']);
    const [request] = requests;
    expect(request).toMatchObject({
      path: '/v1/chat/completions',
      authorization: `Bearer ${apiKey}`,
      body: { model: 'test-model', temperature: 0, response_format: { type: 'json_object' } },
    });
    expect(JSON.stringify(request?.body)).not.toContain(apiKey);
  });

  it('drafts, and takes a source only where it is one', async () => {
    const claims = [
      { text: 'Cited.', source: { file: 'a.md', line: 3 } },
      { text: 'Not.', source: { line: -1 } },
    ];
    says(JSON.stringify({ lead: [], sections: [{ title: 'One', claims }], unanswered: ['Two', 3] }));
    const draft = await mind().draft({ question: 'q', parts: [], findings: [], problems: [] }, signal);
    expect(draft).toEqual({
      lead: [],
      sections: [{ title: 'One', claims: [claims[0], { text: 'Not.' }] }],
      unanswered: ['Two'],
    });
  });

  it('reviews by the rule on sources first, and then asks', async () => {
    const findings = [
      new Finding({ partId: 'p', file: 'a.md', line: 1, heading: '', text: 'Cats sleep all day.' }),
    ];
    const draft = (text: string): Draft =>
      new Draft({ lead: [{ text, source: { file: 'a.md', line: 1 } }], sections: [], unanswered: [] });
    expect(await mind().review(draft('Dogs bark loudly.'), findings, signal)).toHaveLength(1);
    expect(requests).toHaveLength(0);
    says('{"problems":[{"claim":"Cats sleep.","reason":"too short"}]}');
    expect(await mind().review(draft('Cats sleep.'), findings, signal)).toEqual([
      { claim: 'Cats sleep.', reason: 'too short' },
    ]);
    expect(requests).toHaveLength(1);
  });

  it.each([
    ['an error status', () => says('{}', 500), 'status 500'],
    ['no JSON in the answer', () => says('I cannot do that.'), 'something else'],
    ['JSON of another form', () => says('{"parts":3}'), 'lacks a list "parts"'],
    ['parts without a title', () => says('{"parts":[{}]}'), 'lacks a text "title"'],
    ['no parts', () => says('{"parts":[]}'), 'planned no parts'],
    ['no message', () => (answer = (_, response) => response.end('{}')), 'holds no message'],
    ['no JSON at all', () => (answer = (_, response) => response.end('<html>')), 'gave no JSON'],
    ['a cut connection', () => (answer = (request) => request.socket.destroy()), 'cannot be reached'],
  ])('fails with a clear error on %s', async (_, prepare, message) => {
    prepare();
    const error = await failure(mind().plan('q', { documents: [], topics: [] }, signal));
    expect(error).toBeInstanceOf(ModelError);
    expect(error.message).toContain(message);
  });

  it('gives up when the time is up, and when it is told to', async () => {
    answer = () => undefined;
    expect((await failure(mind(50).plan('q', { documents: [], topics: [] }, signal))).message).toContain(
      'within 50 ms',
    );
    const stop = new AbortController();
    const work = failure(mind().plan('q', { documents: [], topics: [] }, stop.signal));
    stop.abort(new Error('Stopped.'));
    expect((await work).message).toBe('Stopped.');
  });
});

describe('choosing a mind', () => {
  it('needs to be told where documents may be sent', () => {
    expect(chooseMind({}).name).toBe('extractive');
    expect(chooseMind({ OPENAI_API_KEY: apiKey, OPENAI_MODEL: 'm' }).name).toBe('extractive');
    expect(
      chooseMind({ OPENAI_BASE_URL: 'https://user:pw@host/v1', OPENAI_MODEL: 'm', OPENAI_API_KEY: apiKey })
        .name,
    ).toBe('m at host');
    expect(() => chooseMind({ OPENAI_BASE_URL: 'https://host/v1' })).toThrow('OPENAI_MODEL');
    expect(() => chooseMind({ OPENAI_BASE_URL: 'host', OPENAI_MODEL: 'm' })).toThrow('no URL');
  });
});
