#!/usr/bin/env node
import { TidemarkError } from '@tidemark/core';
import type { SagaView } from '@tidemark/sagas';
import colors from 'picocolors';
import { ForeignDataError } from './data-folder.js';
import { field } from './field.js';
import { CrewDownError, type Following } from './follow.js';
import { NoDocumentsError } from './library/read-documents.js';
import { readOptions } from './options.js';
import { Reports } from './publishing/reports.js';
import { run } from './run.js';
import { ask } from './terminal/ask.js';
import { LiveScreen, PlainScreen } from './terminal/screen.js';
import { chooseMind, EndpointError } from './thinking/choose-mind.js';

/** How long a stop may take: longer than the application gives its processors to finish. */
const millisecondsToStop = 15_000;

/** Why the run was ended from outside. */
class Interrupted extends Error {}

const main = async (): Promise<number> => {
  const options = readOptions(process.argv.slice(2));
  const isTerminal = process.stdout.isTTY;
  const screen = isTerminal ? new LiveScreen(process.stdout) : new PlainScreen(process.stdout);

  const stop = new AbortController();
  const interrupt = (): void => {
    // A second Ctrl-C does not wait: whatever is recorded is safe anyhow.
    if (stop.signal.aborted) process.exit(130);
    stop.abort(new Interrupted());
    // Whatever hangs, a signal ends the program.
    setTimeout(() => process.exit(130), millisecondsToStop).unref();
  };
  process.on('SIGINT', interrupt).on('SIGTERM', interrupt).on('SIGHUP', interrupt);
  // Whoever read the output is gone, `| head` for example.
  process.stdout.on('error', interrupt);

  const answer: Following['answer'] = async (question) => {
    if (options.approve) return { answer: 'yes', by: '--approve' };
    if (!isTerminal || !process.stdin.isTTY) return { answer: 'later', by: '' };
    screen.rest();
    return {
      answer: (await ask(question, stop.signal, interrupt)) ?? 'later',
      by: 'the person at the terminal',
    };
  };

  try {
    const chosen = chooseMind(process.env);
    const saga = await run(options, { screen, chosen, signal: stop.signal, answer });
    return finish(saga, (line) => screen.say(line), new Reports(options.data));
  } catch (error) {
    if (stop.signal.aborted) {
      screen.say(
        `\n${colors.bold('Stopped.')} What is done is recorded; the same command goes on from here.`,
      );
      return 130;
    }
    if (!isExpected(error)) throw error;
    process.stderr.write(`${colors.red(error.message)}\n`);
    return 1;
  }
};

/** The last lines, and the exit code: 0 for every end that was meant to be. */
const finish = (
  { status, result, reason = '' }: SagaView,
  say: (line: string) => void,
  reports: Reports,
): number => {
  say('');
  if (status === 'completed') {
    say(`${colors.green(colors.bold('Published:'))} ${reports.pathOf(String(field(result, 'file')))}`);
    return 0;
  }
  if (status === 'compensated') {
    say(`${colors.yellow(colors.bold('Not published:'))} ${reason}`);
    say('What had been done is undone, the last step first: the story says how.');
    say('--fresh starts over.');
    return 0;
  }
  if (status === 'needs-person') {
    say(`${colors.red(colors.bold('Needs a person:'))} ${reason}`);
    return 1;
  }
  say(`${colors.bold('Waiting for a person to approve.')} This command approves and goes on:`);
  const words = process.argv.filter((word) => word !== '--fresh').map(withoutPassword);
  say(`  ${[...words.map(quoted), '--approve'].join(' ')}`);
  return 0;
};

/** A URL without its password, which is nobody's who looks over a shoulder. */
const withoutPassword = (word: string): string => word.replace(/^([\w+]+:\/\/[^:@/]*:)[^@/]*@/, '$1…@');

const quoted = (word: string): string =>
  /^[\w./:=-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;

/** Errors whose message is all that a person needs. */
const isExpected = (error: unknown): error is Error =>
  error instanceof NoDocumentsError ||
  error instanceof EndpointError ||
  error instanceof ForeignDataError ||
  error instanceof CrewDownError ||
  error instanceof TidemarkError ||
  // Of the file system: the data folder cannot be written, for example.
  (error instanceof Error && 'syscall' in error);

process.exitCode = await main();
