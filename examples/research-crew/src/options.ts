import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Command, InvalidArgumentError, Option } from 'commander';
import { breakableSteps, type BreakableStep } from './agents/sabotage.js';
import type { Shelf } from './library/read-documents.js';

export interface Options {
  readonly shelf: Shelf;
  readonly question: string;
  /** Absolute path of the folder for all that the program keeps. */
  readonly data: string;
  /** URL of the PostgreSQL or EventStoreDB server to keep events in; `undefined` for the embedded database. */
  readonly backend: string | undefined;
  /** URL of a Redis that helps it. */
  readonly redis: string | undefined;
  readonly researchers: number;
  /** Least milliseconds that an agent's work takes; `undefined` leaves it to the screen. */
  readonly pace: number | undefined;
  readonly fail: BreakableStep | undefined;
  readonly fresh: boolean;
  readonly approve: boolean;
}

const repository = fileURLToPath(new URL('../../../', import.meta.url));

/** What is read without `--docs`: what this repository says about itself. */
const ownDocumentation: Shelf = {
  folder: repository,
  only: ['README.md', 'CONTRIBUTING.md', 'docs'],
};

const defaultQuestion =
  'What happens to a workflow when its process is killed, and how does a saga undo the steps that are already done?';

/**
 * The command line. Ends the process by itself for `--help` and for what it cannot understand.
 *
 * @param parameters as the shell gives them, without `node` and the script
 */
export const readOptions = (parameters: readonly string[]): Options => {
  const command = new Command('research-crew')
    .description('Agents answer a question over a folder of documents, and go on where they were stopped.')
    .option('--docs <folder>', 'folder of documents (default: the documentation of this repository)')
    .option('--question <text>', 'what to find out', textOf, defaultQuestion)
    .option('--data <folder>', 'where events and reports are kept', '.tidemark/research-crew')
    .option(
      '--backend <url>',
      'keep events in PostgreSQL, postgres://user:password@host/database, or EventStoreDB, esdb://host:2113?tls=false',
    )
    .option('--redis <url>', 'with PostgreSQL: a Redis beside it, redis://host:6379')
    .option('--researchers <number>', 'how many search side by side, from 1 to 16', researchersOf, 3)
    .option(
      '--pace <milliseconds>',
      'least time an agent takes, to watch it (default: 500 on a terminal, else 0)',
      paceOf,
    )
    .addOption(
      new Option('--fail <step>', 'the agent of this step fails for good: shows compensation').choices(
        breakableSteps,
      ),
    )
    .option('--fresh', 'forget what was done before', false)
    .option('--approve', 'publish without asking a person', false)
    .parse(parameters, { from: 'user' });
  const { docs, data, ...rest } = command.opts<
    Omit<Options, 'shelf' | 'data' | 'backend' | 'redis' | 'fail' | 'pace'> & {
      readonly docs?: string;
      readonly data: string;
      readonly backend?: string;
      readonly redis?: string;
      readonly pace?: number;
      readonly fail?: BreakableStep;
    }
  >();
  return {
    ...rest,
    backend: rest.backend,
    redis: rest.redis,
    pace: rest.pace,
    fail: rest.fail,
    shelf: docs === undefined ? ownDocumentation : { folder: resolve(docs) },
    data: resolve(data),
  };
};

const textOf = (text: string): string => {
  const question = text.trim().replaceAll(/\s+/g, ' ');
  if (question === '' || question.length > 2_000)
    throw new InvalidArgumentError('Ask 1 to 2,000 characters.');
  return question;
};

const paceOf = (text: string): number => {
  const number = Number(text);
  if (!Number.isInteger(number) || number < 0 || number > 60_000) {
    throw new InvalidArgumentError('Give a whole number from 0 to 60,000.');
  }
  return number;
};

const researchersOf = (text: string): number => {
  const number = Number(text);
  if (!Number.isInteger(number) || number < 1 || number > 16) {
    throw new InvalidArgumentError('Give a whole number from 1 to 16.');
  }
  return number;
};
