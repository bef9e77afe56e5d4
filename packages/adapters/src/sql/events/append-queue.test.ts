import { describe, expect, it, jest } from '@jest/globals';
import { ConcurrencyError, StoreUnavailableError } from '@tidemark/core';
import { SchemaNames } from '../schema-names.js';
import { ConnectionLostError, type SqlParameter, type SqlRows, type SqlSession } from '../driver.js';
import { AppendQueue } from './append-queue.js';
import { AppendFunctions, encodeAppend } from './append.js';
import { jsonCodec } from '@tidemark/core';

/** A database that notes the streams of each call, and answers when it is told to. */
class Database implements SqlSession {
  readonly calls: string[] = [];
  readonly #answers: (() => void)[] = [];
  #position = 0;

  constructor(readonly refuses: (streams: string) => boolean = () => false) {}

  async run(text: string, parameters: readonly SqlParameter[]): Promise<SqlRows> {
    const [streams = '', , third = ''] = parameters.map(String);
    // The statements for single events have no parameter for it: they look for ids or do not.
    const given = text.includes('INSERT') ? text.includes('e.id = ') : third;
    this.calls.push(`${streams} ${given}`);
    await new Promise<void>((resolve) => this.#answers.push(resolve));
    if (this.refuses(streams)) throw new Error(`cannot write ${streams}`);
    const several = streams.startsWith('{');
    const names = several ? streams.slice(1, -1).replaceAll('"', '').split(',') : [streams];
    // Statements give rows for what they wrote, functions for everything; the statement for several says for which stream.
    const isStatement = text.includes('INSERT');
    const rows = names.flatMap((name) => {
      const taken = name.startsWith('taken');
      if (taken && isStatement) return [];
      if (!taken) this.#position += 1;
      const outcome = taken ? '{2,4,NULL,NULL}' : `{0,0,${this.#position},NULL}`;
      return [several && isStatement ? [name, outcome] : [outcome]];
    });
    return { rows, affectedRows: 0 };
  }

  async script(): Promise<void> {
    throw new Error('not used');
  }

  async query(): Promise<never> {
    throw new Error('not used');
  }

  /** Answers all calls, also those that follow, until none is left. */
  async answer(): Promise<void> {
    for (;;) {
      await aTurn();
      const next = this.#answers.shift();
      if (next === undefined) return;
      next();
    }
  }
}

/** Lets everything go on that waits for nothing but its turn. */
const aTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

const start = (refuses?: (streams: string) => boolean, lanes = 1) => {
  const database = new Database(refuses);
  const woken: number[] = [];
  const functions = new AppendFunctions(new SchemaNames('tidemark'), jsonCodec, undefined);
  const queue = new AppendQueue(database, functions, () => woken.push(database.calls.length), lanes);
  const append = (stream: string, count = 1) =>
    queue.append(
      encodeAppend(
        { stream, events: Array.from({ length: count }, () => ({ type: 'T', data: 1 })) },
        jsonCodec,
      ),
    );
  return { database, woken, append };
};

describe('the queue of appends', () => {
  it('sends a lone append by itself, and together those that came while it was on its way', async () => {
    const { database, append, woken } = start();
    const first = append('a');
    await aTurn();
    const all = Promise.all([first, ...['b', 'c'].map((stream) => append(stream))]);
    await database.answer();
    expect((await all).map(({ stream, position }) => [stream, position])).toEqual([
      ['a', 1n],
      ['b', 2n],
      ['c', 3n],
    ]);
    expect(database.calls).toEqual(['a false', '{"b","c"} false']);
    expect(woken).toEqual([1, 2]);
  });

  it('sends together those that come in one turn, as the next ones of callers that were answered together do', async () => {
    const { database, append } = start();
    const twice = async (stream: string): Promise<void> => {
      await append(`${stream}1`);
      await append(`${stream}2`);
    };
    const all = Promise.all([twice('a'), twice('b'), twice('c')]);
    await database.answer();
    await all;
    expect(database.calls).toEqual(['{"a1","b1","c1"} false', '{"a2","b2","c2"} false']);
  });

  it('decides behind the others on those that something stands in the way of', async () => {
    const { database, append, woken } = start();
    const all = Promise.allSettled(['a', 'taken1', 'b', 'taken2'].map((stream) => append(stream)));
    await database.answer();
    expect(await all).toMatchObject([
      { value: { stream: 'a', position: 1n } },
      { reason: new ConcurrencyError('taken1', 'any', 4) },
      { value: { stream: 'b', position: 2n } },
      { reason: new ConcurrencyError('taken2', 'any', 4) },
    ]);
    expect(database.calls).toEqual([
      '{"a","taken1","b","taken2"} false',
      '{"taken1","taken2"} {false,false}',
    ]);
    expect(woken).toEqual([2]);
  });

  it('keeps the order of appends to one stream, one a call', async () => {
    const { database, append } = start();
    const all = Promise.all(['a', 'b', 'b', 'c', 'b'].map((stream) => append(stream)));
    await database.answer();
    await all;
    expect(database.calls).toEqual(['{"a","b","c"} false', 'b false', 'b false']);
  });

  it('tries each by itself when a call fails: one that is bad fails alone; ids then count as given', async () => {
    const { database, append } = start((streams) => streams.includes('bad'));
    const all = Promise.allSettled(['a', 'b', 'bad', 'c'].map((stream) => append(stream)));
    await database.answer();
    expect((await all).map(({ status }) => status)).toEqual([
      'fulfilled',
      'fulfilled',
      'rejected',
      'fulfilled',
    ]);
    expect(database.calls).toEqual(['{"a","b","bad","c"} false', 'a true', 'b true', 'bad true', 'c true']);
  });

  it('with several lanes, has as many calls on their way, and never two to one stream', async () => {
    const { database, append } = start(undefined, 2);
    const first = append('a');
    await aTurn();
    const second = ['a', 'b'].map((stream) => append(stream));
    await aTurn();
    expect(database.calls).toEqual(['a false', 'b false']);
    const all = Promise.all([first, ...second, ...['c', 'a'].map((stream) => append(stream))]);
    await database.answer();
    expect((await all).map(({ stream }) => stream)).toEqual(['a', 'a', 'b', 'c', 'a']);
    expect(database.calls).toEqual(['a false', 'b false', '{"a","c"} false', 'a false']);
  });

  it('asks again for what was on its way when the connection broke, with its ids', async () => {
    const { database, append } = start();
    const lost = jest.spyOn(database, 'run').mockRejectedValueOnce(new ConnectionLostError('broken'));
    const outcome = append('a');
    await database.answer();
    expect(await outcome).toMatchObject({ stream: 'a', position: 1n });
    expect(database.calls).toEqual(['a true']);
    lost.mockRejectedValue(new ConnectionLostError('broken again'));
    await expect(append('a')).rejects.toThrow('broken again');
  });

  it('fails all at once when the store is away, and goes on when it is back', async () => {
    const { database, append } = start();
    const first = append('a');
    await aTurn();
    const outcomes = Promise.allSettled(['b', 'c', 'd'].map((stream) => append(stream)));
    const away = jest.spyOn(database, 'run').mockRejectedValueOnce(new StoreUnavailableError('away'));
    await database.answer();
    await first;
    expect((await outcomes).map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected']);
    away.mockRejectedValueOnce(new ConnectionLostError('broken'));
    away.mockRejectedValueOnce(new StoreUnavailableError('away'));
    const more = [append('e')];
    expect(await Promise.allSettled(more)).toMatchObject([{ status: 'rejected' }]);
    const back = append('f');
    await database.answer();
    expect(await back).toMatchObject({ stream: 'f' });
  });

  it('stops trying each by itself when the store is away', async () => {
    const { database, append } = start();
    const first = append('a');
    await aTurn();
    const outcomes = Promise.allSettled(['b', 'c', 'd'].map((stream) => append(stream)));
    const run = jest.spyOn(database, 'run');
    run.mockRejectedValueOnce(new ConnectionLostError('broken'));
    run.mockRejectedValueOnce(new StoreUnavailableError('away'));
    await database.answer();
    await first;
    expect(await outcomes).toMatchObject(
      ['b', 'c', 'd'].map(() => ({ status: 'rejected', reason: { message: 'away' } })),
    );
    expect(run).toHaveBeenCalledTimes(2);
  });

  it('answers a conflict to the one whose it is, and wakes nobody for it', async () => {
    const { database, append, woken } = start();
    const outcome = append('taken').catch((error: unknown) => error);
    await database.answer();
    expect(await outcome).toEqual(new ConcurrencyError('taken', 'any', 4));
    expect(woken).toEqual([]);
  });

  it('limits how much goes into one call, but never refuses one that is large', async () => {
    const { database, append } = start();
    const all = Promise.all([
      append('a'),
      append('large', 3_000),
      append('b'),
      append('c', 1_999),
      append('d'),
    ]);
    await database.answer();
    await all;
    expect(database.calls).toEqual(['{"a","b","d"} false', 'large false', 'c false']);
    const many = Promise.all(Array.from({ length: 402 }, (_, index) => append(`s${index}`)));
    await database.answer();
    await many;
    expect(database.calls.slice(3).map((call) => call.split(',').length)).toEqual([200, 200, 2]);
  });

  it('says so when the database answers what it never should', async () => {
    const { database, append } = start();
    database.run = async (text) => ({
      rows: text.includes('INSERT') ? [] : [['{9,NULL,NULL,NULL}']],
      affectedRows: 0,
    });
    await expect(append('a')).rejects.toThrow('unknown outcome 9');
  });
});
