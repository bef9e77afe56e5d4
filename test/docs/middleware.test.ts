import { expect, it } from '@jest/globals';
import { createApp, memory, type ProcessorChange } from '@tidemark/core';
import { Greeter, moments, timing } from './middleware.js';

it('stands around handlers, and tells of moments', async () => {
  const backend = memory();
  const notes: string[] = [];
  const note = (text: string): void => void notes.push(text);
  const log = ({ processor, kind }: ProcessorChange): void => void notes.push(`${processor}: ${kind}`);
  // #region app
  const app = createApp({
    backend,
    register: [Greeter],
    eventMiddleware: [timing(note)], // Outside of those of the processor.
  });
  const end = app.onProcessorChange((change) => log(change));
  // #endregion app
  const assigned = { type: 'task.assigned', data: { taskId: 't', agent: 'ada', what: 'count' } };
  await backend.events.append('task-1', [assigned]);
  await backend.events.append('task-2', [{ ...assigned, metadata: { rehearsal: true } }]);
  await app.start();
  await app.waitFor(2n);
  end();
  expect(app.get(Greeter).greeted).toEqual(['ada']);
  expect(notes).toEqual(expect.arrayContaining(['greeter: started', 'greeter event', 'greeter: caught-up']));
  expect(moments[0]).toBe('started at the beginning');
  await app.stop();
});
