import { expect, it, jest } from '@jest/globals';
import { ProcessorFailedError } from '@tidemark/core';
import { testApp } from '@tidemark/core/testing';
import { Container } from 'inversify';
import { AssignTask, FinishTask } from './first-app/messages.js';
import { Task } from './first-app/task.js';
import { Mail, Notifications } from './processors.js';

class Post extends Mail {
  readonly letters: string[] = [];
  broken = false;

  async send({ to, text }: { to: string; text: string }): Promise<void> {
    if (this.broken) throw new Error('The post is on strike.');
    this.letters.push(`${to}: ${text}`);
  }
}

it('does side effects in order, stops visibly when it cannot go on, and goes on when told', async () => {
  jest.spyOn(console, 'log').mockReturnValue();
  const post = new Post();
  const container = new Container();
  container.bind(Mail).toConstantValue(post);
  await using world = await testApp({ container, register: [Task, Notifications] });
  const { app, clock } = world;
  await app.send(new AssignTask('t1', 'ada', 'count the waves'));
  await app.waitFor(await app.send(new FinishTask('t1', '7')));
  expect(post.letters).toEqual(['ada: A task for you: count the waves', 'desk: task.finished on task-t1']);

  post.broken = true;
  const result = await app.send(new AssignTask('t2', 'bob', 'count the boats'));
  const [outcome] = await Promise.allSettled([app.waitFor(result), clock.advance(5_000)]);
  expect(outcome).toMatchObject({ status: 'rejected', reason: expect.any(ProcessorFailedError) });
  expect(app.health()).toMatchObject({ status: 'down', reasons: [expect.stringContaining('notifications')] });
  // #region lifecycle
  const runner = app.processors.get('notifications');
  const status = runner?.status(); // state, position, caughtUp, handled, retried, failure, …
  console.log(app.health().status, status?.failure?.reason);
  // down processor "notifications" has failed at event "task.assigned" (stream "task-t2", version 0, …

  post.broken = false; // Mend what was wrong, then:
  await runner?.start(); // It goes on with the event that failed.
  await app.waitFor(result);
  // #endregion lifecycle
  expect(status?.failure?.attempts).toBe(3);
  expect(app.health()).toMatchObject({ status: 'up', reasons: [] });
  expect(post.letters.at(-1)).toBe('bob: A task for you: count the boats');
});
