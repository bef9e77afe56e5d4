import { describe, expect, it } from '@jest/globals';

/*
 * The protocol of the safe position as a model, small enough to try every order in which two writers and a reader can take
 * their steps. Each step is what PostgreSQL does at once; between two of them anything may happen.
 */

type WriterStep = 'read last value' | 'lock' | 'draw' | 'end' | 'unlock';
type ReaderStep = 'read ceiling' | 'read locks' | 'read events';
type Outcome = 'commit' | 'roll back';

interface Protocol {
  readonly writer: readonly WriterStep[];
  readonly reader: readonly ReaderStep[];
}

const protocol: Protocol = {
  writer: ['read last value', 'lock', 'draw', 'draw', 'end', 'unlock'],
  reader: ['read ceiling', 'read locks', 'read events'],
};

interface Writer {
  readonly at: number;
  readonly key: number;
  readonly locked: boolean;
  readonly positions: readonly number[];
}

interface State {
  readonly lastValue: number;
  readonly visible: readonly number[];
  readonly writers: readonly Writer[];
  readonly readerAt: number;
  readonly ceiling: number;
  readonly held: number;
  readonly checkpoint: number;
  readonly seen: readonly number[];
}

const newWriter: Writer = { at: 0, key: 0, locked: false, positions: [] };

const start: State = {
  lastValue: 0,
  visible: [],
  writers: [newWriter, newWriter],
  readerAt: 0,
  ceiling: 0,
  held: Infinity,
  checkpoint: 0,
  seen: [],
};

const write = (state: State, index: number, step: WriterStep, outcome: Outcome): State => {
  const writer = state.writers[index] ?? newWriter;
  const becomes = (change: Partial<Writer>, rest: Partial<State> = {}): State => ({
    ...state,
    ...rest,
    writers: state.writers.with(index, { ...writer, ...change, at: writer.at + 1 }),
  });
  switch (step) {
    case 'read last value':
      return becomes({ key: state.lastValue });
    case 'lock':
      return becomes({ locked: true });
    case 'draw': {
      const lastValue = state.lastValue + 1;
      return becomes({ positions: [...writer.positions, lastValue] }, { lastValue });
    }
    case 'end': {
      const written = outcome === 'commit' ? writer.positions : [];
      return becomes({}, { visible: [...state.visible, ...written].toSorted((a, b) => a - b) });
    }
    default:
      return becomes({ locked: false });
  }
};

const read = (state: State, step: ReaderStep): State => {
  const next = { ...state, readerAt: state.readerAt + 1 };
  switch (step) {
    case 'read ceiling':
      return { ...next, ceiling: state.lastValue };
    case 'read locks':
      return {
        ...next,
        held: Math.min(...state.writers.map(({ locked, key }) => (locked ? key : Infinity))),
      };
    default: {
      const safe = Math.min(state.ceiling, state.held);
      const found = state.visible.filter((position) => position > state.checkpoint && position <= safe);
      return { ...next, checkpoint: Math.max(state.checkpoint, safe), seen: [...state.seen, ...found] };
    }
  }
};

/** Every event that was missed at the end of some order of steps. The reader goes twice round on its way, and once behind. */
const missed = ({ writer, reader }: Protocol, outcomes: readonly Outcome[]) => {
  const known = new Set<string>();
  const failures: State[] = [];
  const open = [start];
  for (let state = open.pop(); state !== undefined; state = open.pop()) {
    const id = JSON.stringify(state, (_, value: unknown) => (value === Infinity ? 'none' : value));
    if (known.has(id)) continue;
    known.add(id);
    const present = state;
    for (const [index, { at }] of present.writers.entries()) {
      const step = writer[at];
      if (step !== undefined) open.push(write(present, index, step, outcomes[index] ?? 'commit'));
    }
    if (present.readerAt < 2 * reader.length) {
      open.push(read(present, reader[present.readerAt % reader.length] ?? 'read events'));
    } else if (present.writers.every(({ at }) => at === writer.length)) {
      const end = reader.reduce(read, present);
      if (JSON.stringify(end.seen) !== JSON.stringify(end.visible)) failures.push(end);
    }
  }
  return { states: known.size, failures };
};

const outcomes: readonly (readonly Outcome[])[] = [
  ['commit', 'commit'],
  ['commit', 'roll back'],
  ['roll back', 'commit'],
  ['roll back', 'roll back'],
];

describe('the protocol of the safe position, in every order of its steps', () => {
  it.each(outcomes)('pitfall 5: misses and disorders nothing when the writers %s and %s', (first, second) => {
    const { states, failures } = missed(protocol, [first, second]);
    expect(states).toBeGreaterThan(1_000);
    expect(failures).toEqual([]);
  });

  const broken: readonly (readonly [string, Protocol])[] = [
    [
      'the writer draws before it locks',
      { ...protocol, writer: ['read last value', 'draw', 'lock', 'draw', 'end', 'unlock'] },
    ],
    [
      'the writer lets its lock go before others see what it wrote',
      { ...protocol, writer: ['read last value', 'lock', 'draw', 'draw', 'unlock', 'end'] },
    ],
    [
      'the key is read behind the first draw',
      { ...protocol, writer: ['draw', 'read last value', 'lock', 'draw', 'end', 'unlock'] },
    ],
    [
      'the reader reads the locks first',
      { ...protocol, reader: ['read locks', 'read ceiling', 'read events'] },
    ],
    ['the reader does not read the locks', { ...protocol, reader: ['read ceiling', 'read events'] }],
  ];
  it.each(broken)('cannot do without any of it: events are missed when %s', (_, without) => {
    expect(missed(without, ['commit', 'commit']).failures).not.toEqual([]);
  });
});
