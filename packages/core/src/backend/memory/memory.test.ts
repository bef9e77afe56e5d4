import { describe, expect, it } from '@jest/globals';
import { memory } from './memory.js';

describe('memory', () => {
  it('appends and reads back', async () => {
    const backend = memory();
    const result = await backend.events.append('order-1', [{ type: 'Placed', data: { total: 3 } }]);
    expect(result).toEqual({ stream: 'order-1', version: 0, position: 1n, alreadyAppended: false });
    const batches = [];
    for await (const batch of backend.events.readAll()) batches.push(batch);
    expect(batches).toHaveLength(1);
    expect(batches[0]?.[0]).toMatchObject({ type: 'Placed', data: { total: 3 }, metadata: {}, version: 0 });
  });
});
