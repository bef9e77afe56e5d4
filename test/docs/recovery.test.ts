import { expect, it, jest } from '@jest/globals';
import { createApp, memory } from '@tidemark/core';
import { Container } from 'inversify';
import { AssignTask, FinishTask } from './first-app/messages.js';
import { Task } from './first-app/task.js';
import { Answers, mend, Model, TooManyRequests, UnknownAgent } from './recovery.js';

class Told extends Model {
  readonly asked: string[] = [];
  readonly letters: string[] = [];
  busy = 1;
  knowsAgent = false;

  async ask(question: string, signal: AbortSignal): Promise<string> {
    signal.throwIfAborted();
    if (question === 'who is it' && !this.knowsAgent) throw new UnknownAgent('nobody of that name');
    if (this.busy-- > 0) throw new TooManyRequests(10);
    this.asked.push(question);
    return 'an answer';
  }

  async archive(): Promise<void> {
    throw new Error('the archive is closed');
  }

  async tell(who: string, text: string): Promise<void> {
    this.letters.push(`${who}: ${text}`);
  }
}

it('waits, parks, compensates, and tries dead letters again', async () => {
  const said = jest.spyOn(console, 'log').mockReturnValue();
  const model = new Told();
  const container = new Container();
  container.bind(Model).toConstantValue(model);
  await using app = createApp({ container, backend: memory(), register: [Task, Answers] });
  await app.start();
  await app.send(new AssignTask('t1', 'ada', 'count the waves'));
  await app.waitFor(await app.send(new FinishTask('t1', '7')));
  expect(model.asked).toEqual(['count the waves']);
  expect(model.letters).toEqual(['desk: task-t1 could not be archived: the archive is closed']);

  await app.waitFor(await app.send(new AssignTask('t2', 'eve', 'who is it')));
  const later = await app.send(new AssignTask('t3', 'bob', 'count the boats'));
  await app.waitFor(later);
  expect(model.asked).toEqual(['count the waves', 'count the boats']);
  const status = app.processors.get('answers')?.status();
  expect(status).toMatchObject({ parked: 1, compensated: 1, deadLetters: { letters: 1, sequences: 1 } });
  expect(app.health().status).toBe('degraded');

  model.knowsAgent = true;
  expect(await mend(app)).toBe(1);
  expect(said).toHaveBeenCalledWith(1, 'task-t2', 'nobody of that name');
  expect(model.asked.at(-1)).toBe('who is it');
  expect(await app.deadLetters.count()).toEqual([]);
  expect(await app.deadLetters.audit()).toMatchObject([{ by: 'ada' }]);
});
