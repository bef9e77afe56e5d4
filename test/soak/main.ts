import { Command, InvalidArgumentError } from 'commander';
import { soakManyWriters } from './many-writers.js';

const count = (text: string): number => {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 0) throw new InvalidArgumentError('It must be a whole number.');
  return value;
};

const interrupted = new AbortController();
process.once('SIGINT', () => {
  process.stderr.write('\nEnds behind the present round; interrupt again to end at once.\n');
  interrupted.abort();
});

const manyWriters = async (options: {
  readonly events: number;
  readonly seed: number;
  readonly minutes: number;
}): Promise<void> => {
  const started = performance.now();
  process.stderr.write(`seed ${options.seed}\n`);
  const outcome = await soakManyWriters({ ...options, signal: interrupted.signal });
  const passed = outcome.lost + outcome.missing + outcome.disordered === 0;
  const seconds = Math.round((performance.now() - started) / 1_000);
  const rssMegabytes = Math.round(process.memoryUsage.rss() / 2 ** 20);
  console.log(
    JSON.stringify({
      soak: 'many-writers',
      seed: options.seed,
      passed,
      ...outcome,
      seconds,
      rssMegabytes,
      interrupted: interrupted.signal.aborted,
    }),
  );
  if (!passed) process.exitCode = 1;
};

const program = new Command('soak').description(
  'Long runs with real servers that prove what short ones cannot.',
);
program
  .command('many-writers', { isDefault: true })
  .description('No reader misses an event, whatever writers do: 32 of them in 4 processes, 3 subscriptions.')
  .option('--events <count>', 'how many events are written', count, 500_000)
  .option(
    '--seed <number>',
    'makes the writers do the same again',
    count,
    Math.floor(Math.random() * 2 ** 31),
  )
  .option('--minutes <count>', 'ends behind the round in which so much time has passed', count, 60)
  .action(manyWriters);
await program.parseAsync();
