import { expect, it } from '@jest/globals';
import { Gate } from './gate.js';

it('lets pass when open, when opened, and always once removed', async () => {
  const gate = new Gate();
  await gate.pass();
  gate.close();
  const passed: string[] = [];
  const first = gate.pass().then(() => passed.push('first'));
  expect(gate.isOpen).toBe(false);
  gate.open();
  gate.close();
  await Promise.resolve();
  await Promise.resolve();
  // It was closed again before the waiter had its turn.
  expect(passed).toEqual([]);
  gate.remove();
  await first;
  gate.close();
  await gate.pass();
  expect(gate.isOpen).toBe(true);
});
