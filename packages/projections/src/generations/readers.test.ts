import { describe, expect, it } from '@jest/globals';
import { Readers } from './readers.js';

describe('Readers', () => {
  it('holds back a drop until the last read of that generation has ended, well or not', async () => {
    const readers = new Readers();
    const ends: (() => void)[] = [];
    const pending = (): Promise<string> => new Promise((resolve) => ends.push(() => resolve('read')));
    const first = readers.read(1, pending);
    const second = readers.read(1, () => pending().then(() => Promise.reject(new Error('failed'))));
    const other = readers.read(2, pending);

    const order: string[] = [];
    const idle = [
      readers.idle(1).then(() => order.push('dropped')),
      readers.idle(1).then(() => order.push('dropped')),
    ];
    ends[0]?.();
    await expect(first).resolves.toBe('read');
    order.push('first ended');
    ends[1]?.();
    await expect(second).rejects.toThrow('failed');
    await Promise.all(idle);
    expect(order).toEqual(['first ended', 'dropped', 'dropped']);
    ends[2]?.();
    await other;
    await readers.idle(2);
  });
});
