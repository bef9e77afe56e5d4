import { describe, expect, it } from '@jest/globals';
import type { SqlRows, SqlSession } from '../driver.js';
import { SchemaNames } from '../schema-names.js';
import { SafePosition } from './safe-position.js';

/** A database that answers when it is told to, each question with the next number. */
const slowDatabase = () => {
  const waiting: { answer: (rows: SqlRows) => void; fail: (error: Error) => void }[] = [];
  let asked = 0;
  const notUsed = async (): Promise<never> => {
    throw new Error('not used');
  };
  const session: SqlSession = {
    run: () => {
      asked += 1;
      return new Promise((answer, fail) => waiting.push({ answer, fail }));
    },
    script: notUsed,
    query: notUsed,
  };
  const settled = (): Promise<void> =>
    new Promise((resolve) => {
      setImmediate(resolve);
    });
  return {
    safe: new SafePosition(session, new SchemaNames('tidemark')),
    asked: () => asked,
    async answer(position: string): Promise<void> {
      waiting.shift()?.answer({ rows: [[position]], affectedRows: 0 });
      await settled();
    },
    async fail(): Promise<void> {
      waiting.shift()?.fail(new Error('lost'));
      await settled();
    },
  };
};

describe('the safe position', () => {
  it('is never an answer to a question older than the one asked; all who wait share the next', async () => {
    const { safe, asked, answer } = slowDatabase();
    const first = safe.current();
    const second = safe.current();
    const third = safe.current();
    expect(asked()).toBe(1);
    await answer('5');
    expect(await first).toBe(5n);
    expect(asked()).toBe(2);
    await answer('7');
    expect(await Promise.all([second, third])).toEqual([7n, 7n]);
    const fourth = safe.current();
    await answer('8');
    expect(await fourth).toBe(8n);
    expect(asked()).toBe(3);
  });

  it('is asked for anew when a question failed', async () => {
    const { safe, answer, fail } = slowDatabase();
    const outcomes = Promise.allSettled([safe.current(), safe.current()]);
    await fail();
    await answer('3');
    expect(await outcomes).toMatchObject([
      { status: 'rejected', reason: { message: 'lost' } },
      { status: 'fulfilled', value: 3n },
    ]);
  });
});
