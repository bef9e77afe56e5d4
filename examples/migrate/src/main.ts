import { TidemarkError, type Migration } from '@tidemark/core';
import { Command } from 'commander';
import { createLogUpdate } from 'log-update';
import { run } from './run.js';

const command = new Command('migrate')
  .description('Moves all events from one store to another; run it again and it goes on where it ended.')
  .requiredOption('--from <address>', 'pglite:./folder, postgres://…, or esdb://…')
  .requiredOption('--to <address>', 'the same; must be empty at first')
  .option('--name <name>', 'what the progress is kept under in the target', 'migration')
  .option(
    '--state <place>',
    'a folder, or postgres://…: keeps the progress where the target is EventStoreDB, which has no place for it',
  )
  .option('--prefix <prefix...>', 'only streams that begin with one of these')
  .option('--follow', 'go on with what comes, until Ctrl-C')
  .option('--existing', 'the target may hold other streams already')
  .parse();

const options = command.opts<{
  from: string;
  to: string;
  name: string;
  state?: string;
  prefix?: string[];
  follow?: true;
  existing?: true;
}>();
const screen = createLogUpdate(process.stdout);
const abort = new AbortController();
let migration: Migration | undefined;
let isFinishing = false;

process.on('SIGINT', () => {
  if (migration !== undefined && options.follow === true && !isFinishing) {
    isFinishing = true;
    // What it fails with, `run` throws too.
    migration.finish().catch(() => undefined);
  } else {
    abort.abort(new Error('Stopped. Run it again, and it goes on where it is.'));
  }
});

try {
  const report = await run({
    ...options,
    prefix: options.prefix ?? [],
    follow: options.follow === true,
    existing: options.existing === true,
    signal: abort.signal,
    show: (line) => screen(line),
    begun: (begun) => {
      migration = begun;
    },
  });
  screen.done();
  const { expected } = report.verification ?? {};
  console.log(
    `Done: ${report.written} events written in ${(report.elapsedMs / 1_000).toFixed(1)} s, ` +
      `${expected?.count ?? 0} in ${expected?.streams.size ?? 0} streams verified, digest ${expected?.digest ?? ''}`,
  );
} catch (error) {
  screen.done();
  console.error(
    error instanceof TidemarkError || abort.signal.aborted
      ? String(error instanceof Error ? error.message : error)
      : error,
  );
  process.exitCode = 1;
}
