import { Argument, Command } from 'commander';
import { benchmarkNamed, benchmarkNames } from './benchmarks.js';
import { type Case, type Group, measure, type MeasureOptions, type Row } from './harness.js';
import { installPeers } from './peers/install-peers.js';
import { startServers } from './servers.js';
import { type SideChoice, SideThread } from './side.js';

const heading = (rounds: number): string =>
  `${'case'.padEnd(72)} ${'ours'.padStart(10)} ${'bare'.padStart(10)} ${'ratio'.padStart(6)}  least to most of ${rounds} rounds`;

const format = (row: Row): string =>
  `${row.case.padEnd(72)} ${String(row.ours).padStart(10)} ${String(row.bare).padStart(10)} ` +
  `${row.ratio.toFixed(2).padStart(6)}  ${row.min.toFixed(2)} to ${row.max.toFixed(2)}`;

const showRound = (name: string, round: number): void => {
  if (process.stderr.isTTY) process.stderr.write(`\r${name}: round ${round}\u001B[K\r`);
};

/** Measures the cases of one group, each side in its thread. */
async function* rowsOf(
  choice: Omit<SideChoice, 'side'>,
  { cases, rounds }: Group,
  options: MeasureOptions,
): AsyncGenerator<Row> {
  const [ours, bare] = await Promise.all([
    SideThread.start({ ...choice, side: 'ours' }),
    SideThread.start({ ...choice, side: 'bare' }),
  ]);
  for (const [index, described] of cases.entries()) {
    const subject: Case = { ...described, ours: () => ours.run(index), bare: () => bare.run(index) };
    yield await measure(subject, rounds === undefined ? options : { ...options, rounds, warmUp: 0 });
  }
  await Promise.all([ours.close(), bare.close()]);
}

const run = async (
  benchmark: string,
  options: { readonly quick?: true; readonly json?: true; readonly peer?: true },
): Promise<void> => {
  const say = options.json === true ? (): void => {} : (line: string): void => console.log(line);
  const scale = options.quick === true ? 0.4 : 1;
  const rounds = options.quick === true ? 7 : 21;
  const rows: Row[] = [];
  const peers = options.peer === true;
  if (peers) await installPeers();
  const groups = benchmarkNamed(benchmark)(scale, peers);
  const stopServers = await startServers(new Set(groups.flatMap(({ needs = [] }) => needs)));
  try {
    say(heading(rounds));
    for (const [group, subject] of groups.entries()) {
      for await (const row of rowsOf({ benchmark, scale, peers, group }, subject, {
        rounds,
        onRound: showRound,
      })) {
        rows.push(row);
        say(format(row));
      }
    }
  } finally {
    await stopServers();
  }
  console.log(JSON.stringify({ bench: benchmark, rows }));
};

await new Command('bench')
  .description('Measures Tidemark beside the bare component that it stands on, in turns, in one run.')
  .addArgument(new Argument('<name>', 'which benchmark').choices(benchmarkNames))
  .option('--quick', 'smaller and fewer rounds: under a minute')
  .option('--peer', 'also beside Emmett and message-db, which are installed for it into a cache folder')
  .option('--json', 'print nothing but the last line, which is one JSON object')
  .action(run)
  .parseAsync();
