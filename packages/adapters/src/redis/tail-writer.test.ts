import { describe, expect, it } from '@jest/globals';
import { fakeConnection } from './fake-redis.test-support.js';
import { logKeys } from './log-keys.js';
import { TailWriter } from './tail-writer.js';

const keys = logKeys('t', 'log');
const rows = (...positions: number[]): string[][] => positions.map((position) => [String(position), 's']);
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('writing to the tail', () => {
  it('names what an event follows on, across stretches and rolled-back positions', async () => {
    const written: (readonly (string | number)[])[] = [];
    const { connection, counters } = fakeConnection(async (_, args) => written.push(args));
    const writer = new TailWriter(connection, keys, 10, counters);
    writer.write({ after: 4n, upTo: 9n, rows: rows(5, 7) });
    writer.write({ after: 9n, upTo: 12n, rows: [] });
    writer.write({ after: 12n, upTo: 13n, rows: rows(13) });
    writer.write({ after: 20n, upTo: 21n, rows: rows(21) });
    await settled();
    expect(written.map(([, , , length, id, , previous]) => [length, id, previous])).toEqual([
      ['10', '5-0', '4'],
      ['10', '7-0', '5'],
      ['10', '13-0', '7'],
      ['10', '21-0', '20'],
    ]);
    expect(counters).toMatchObject({ relayed: 4, dropped: 0 });
  });

  it('drops what comes on top while Redis does not answer', async () => {
    let answer = (): void => undefined;
    const answered = new Promise<void>((resolve) => (answer = resolve));
    let received = 0;
    const { connection, counters } = fakeConnection(async (_, args) => {
      received += args.join('').length;
      await answered;
    });
    const writer = new TailWriter(connection, keys, 10, counters);
    const text = 'x'.repeat(1_000_000);
    for (let position = 1; position <= 50; position++) {
      writer.write({
        after: BigInt(position - 1),
        upTo: BigInt(position),
        rows: [[String(position), text]],
      });
    }
    expect(received).toBeLessThan(8_000_000);
    expect(counters.dropped).toBeGreaterThan(40);
    answer();
    await settled();
    await settled();
    const before = counters.relayed;
    writer.write({ after: 50n, upTo: 51n, rows: rows(51) });
    await settled();
    await settled();
    expect(counters.relayed).toBe(before + 1);
  });

  it('takes a refusal for what it is: another one has written it already', async () => {
    const refused = new Error(
      'ERR The ID specified in XADD is equal or smaller than the target stream top item',
    );
    const { connection, counters } = fakeConnection(async (command) => {
      if (command === 'xadd') throw refused;
      return [['2-0', []]];
    });
    new TailWriter(connection, keys, 10, counters).write({ after: 1n, upTo: 2n, rows: rows(2) });
    await settled();
    await settled();
    expect(counters).toMatchObject({ repeated: 1, relayed: 0, cleared: 0, errors: 0 });
    expect(connection.troubles).toEqual([]);
  });

  it('counts what failed as dropped, and says why', async () => {
    const { connection, counters } = fakeConnection(async () => {
      throw new Error('OOM command not allowed');
    });
    new TailWriter(connection, keys, 10, counters).write({ after: 1n, upTo: 2n, rows: rows(2) });
    await settled();
    await settled();
    expect(counters).toMatchObject({ dropped: 1, errors: 1 });
    expect(connection.troubles).toEqual(['OOM command not allowed (tail)']);
  });
});
