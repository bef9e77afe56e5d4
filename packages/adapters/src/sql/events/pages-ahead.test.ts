import { describe, expect, it } from '@jest/globals';
import { jsonCodec } from '@tidemark/core';
import type { SqlParameter, SqlRow, SqlRows, SqlSession } from '../driver.js';
import { SchemaNames } from '../schema-names.js';
import { EventRows } from './event-rows.js';
import { LogPages } from './log-page.js';
import { PagesAhead } from './pages-ahead.js';

const rowAt = (position: number): SqlRow => [
  String(position),
  's',
  String(position - 1),
  '00000000-0000-7000-8000-000000000000',
  'T',
  '1',
  String(position),
  '{}',
  '0',
];

/** A log in which every position from 1 on is an event; it notes what is asked and what is decoded. */
const start = (ahead: boolean, direction: 'forwards' | 'backwards' = 'forwards') => {
  const happened: string[] = [];
  let failing = false;
  const session: SqlSession = {
    async run(_text: string, [from, to, limit]: readonly SqlParameter[]): Promise<SqlRows> {
      happened.push(`asked ${String(from)} to ${String(to)}`);
      if (failing) throw new Error('away');
      const all = Array.from({ length: Number(to) - Number(from) + 1 }, (_, n) => rowAt(Number(from) + n));
      if (direction === 'backwards') all.reverse();
      return { rows: all.slice(0, Number(limit)), affectedRows: 0 };
    },
    script: () => Promise.reject(new Error('not used')),
    query: () => Promise.reject(new Error('not used')),
  };
  const codec = {
    ...jsonCodec,
    decode(text: string): unknown {
      happened.push(`decoded ${text}`);
      return jsonCodec.decode(text);
    },
  };
  const pages = new LogPages(session, new SchemaNames('tidemark'), new EventRows(codec), codec);
  const reader = new PagesAhead(pages, { direction, filter: undefined, ahead });
  return { happened, reader, fail: (now: boolean) => (failing = now) };
};

const positionsOf = ({ events }: { readonly events: readonly { readonly position: bigint }[] }) =>
  events.map(({ position }) => Number(position));

describe('pages read ahead', () => {
  it('are asked for before the one before is decoded, each once', async () => {
    const { happened, reader } = start(true);
    const first = await reader.read({ from: 1n, to: 5n }, 2);
    expect(positionsOf(first)).toEqual([1, 2]);
    expect(happened).toEqual(['asked 1 to 5', 'asked 3 to 5', 'decoded 1', 'decoded 2']);
    const second = await reader.read(first.rest, 2);
    const third = await reader.read(second.rest, 2);
    expect([...positionsOf(second), ...positionsOf(third)]).toEqual([3, 4, 5]);
    expect(happened.filter((what) => what.startsWith('asked'))).toEqual([
      'asked 1 to 5',
      'asked 3 to 5',
      'asked 5 to 5',
    ]);
    expect(third.rest.from).toBe(6n);
  });

  it('are read backwards the same way', async () => {
    const { reader } = start(true, 'backwards');
    let rest = { from: 1n, to: 5n };
    const seen: number[] = [];
    while (rest.from <= rest.to) {
      const page = await reader.read(rest, 2);
      seen.push(...positionsOf(page));
      ({ rest } = page);
    }
    expect(seen).toEqual([5, 4, 3, 2, 1]);
  });

  it('are not asked for where that is not wanted', async () => {
    const { happened, reader } = start(false);
    await reader.read({ from: 1n, to: 5n }, 2);
    expect(happened).toEqual(['asked 1 to 5', 'decoded 1', 'decoded 2']);
  });

  it('serve also when the end has moved on meanwhile; what is behind the old end comes next', async () => {
    const { reader } = start(true);
    const first = await reader.read({ from: 1n, to: 3n }, 2);
    const second = await reader.read({ from: first.rest.from, to: 6n }, 2);
    expect(positionsOf(second)).toEqual([3]);
    expect(positionsOf(await reader.read({ from: second.rest.from, to: 6n }, 2))).toEqual([4, 5]);
  });

  it('are thrown away when another place or another size is asked for', async () => {
    const { reader } = start(true);
    await reader.read({ from: 1n, to: 9n }, 2);
    expect(positionsOf(await reader.read({ from: 5n, to: 9n }, 2))).toEqual([5, 6]);
    expect(positionsOf(await reader.read({ from: 7n, to: 9n }, 3))).toEqual([7, 8, 9]);
  });

  it('that fail are an error for whoever reads on, who can then read them again', async () => {
    const { reader, fail } = start(true);
    const reading = reader.read({ from: 1n, to: 4n }, 2);
    fail(true);
    const first = await reading;
    expect(positionsOf(first)).toEqual([1, 2]);
    await expect(reader.read(first.rest, 2)).rejects.toThrow('away');
    fail(false);
    expect(positionsOf(await reader.read(first.rest, 2))).toEqual([3, 4]);
  });
});
