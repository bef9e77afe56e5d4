import { expect, it } from '@jest/globals';
import { createApp, memory } from '@tidemark/core';
import { Container } from 'inversify';
import { Pager, PagerDuty } from './lanes.js';

class Pages extends Pager {
  readonly sent: string[] = [];

  async page(text: string): Promise<void> {
    this.sent.push(text);
  }
}

it('hands out what is urgent first, and the rest as well', async () => {
  const backend = memory();
  const pages = new Pages();
  const container = new Container();
  container.bind(Pager).toConstantValue(pages);
  await using app = createApp({ backend, container, register: [PagerDuty] });
  for (let number = 0; number < 50; number += 1) {
    await backend.events.append(`report-${number}`, [{ type: 'report.written', data: {} }]);
  }
  await backend.events.append('question-1', [
    { type: 'question.asked', data: {}, metadata: { tier: 'gold' } },
    { type: 'question.asked', data: {} },
  ]);
  await backend.events.append('agent-1', [{ type: 'agent.stuck', data: {} }]);
  await app.start();
  await app.waitFor(53n);
  expect(pages.sent).toHaveLength(53);
  expect(pages.sent[0]).toBe('help agent-1');
  expect(pages.sent.indexOf('answer question-1')).toBeLessThan(5);
});
