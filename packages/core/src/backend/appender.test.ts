import { describe, expect, it } from '@jest/globals';
import { Appender, type AppendParticipant } from './appender.js';
import { memory } from './memory/memory.js';
import { TransactionConflictError } from './transaction.js';

const participant = (step: ReturnType<AppendParticipant['join']>, type = 'heard'): AppendParticipant => ({
  name: 'participant of a test',
  concerns: (events) => events.some((event) => event.type === type),
  join: () => step,
});

describe('an appender', () => {
  it('gives participants the recorded events, each of them their own, and the append a result with the events', async () => {
    const backend = memory();
    const appender = new Appender(backend);
    const seen: unknown[] = [];
    for (const name of ['outer', 'inner']) {
      appender.add(
        participant(async (tx, append) => {
          await tx.lock([{ name, mode: 'exclusive' }]);
          const events = await append();
          seen.push([name, events.map(({ version, data }) => [version, structuredClone(data)])]);
          for (const { data } of events) Object.assign(data as object, { changed: true });
        }),
      );
    }
    const { recorded, version } = await appender.append('s', [{ type: 'heard', data: { n: 1 } }]);
    expect(seen).toEqual([
      ['inner', [[0, { n: 1 }]]],
      ['outer', [[0, { n: 1 }]]],
    ]);
    expect(version).toBe(0);
    expect(recorded?.().map(({ data }) => data)).toEqual([{ n: 1 }]);
  });

  it('does a transaction again that another one stood in the way of, and gives up in the end', async () => {
    const backend = memory();
    const appender = new Appender(backend);
    let conflicts = 3;
    appender.add(
      participant(async (_, append) => {
        await append();
        conflicts -= 1;
        if (conflicts >= 0) throw new TransactionConflictError('in the way');
      }),
    );
    await appender.append('s', [{ type: 'heard', data: {} }]);
    expect(await backend.events.streamVersion('s')).toBe(0);
    conflicts = 100;
    await expect(appender.append('s', [{ type: 'heard', data: {} }])).rejects.toThrow(
      TransactionConflictError,
    );
    expect(conflicts).toBe(90);
    expect(await backend.events.streamVersion('s')).toBe(0);
  });

  it('is told of a participant that does not let the append be done', async () => {
    const appender = new Appender(memory());
    appender.add(participant(async () => {}));
    await expect(appender.append('s', [{ type: 'heard', data: {} }])).rejects.toThrow(
      'did not let it be done',
    );
    await appender.append('s', [{ type: 'unheard', data: {} }]);
  });
});
