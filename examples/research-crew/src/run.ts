import { deterministicId, type Backend, type CommandMiddleware, type RecordedEvent } from '@tidemark/core';
import { Projections } from '@tidemark/projections';
import { Sagas, type SagaView } from '@tidemark/sagas';
import colors from 'picocolors';
import { Desks } from './agents/desks.js';
import { Pace } from './agents/pace.js';
import { Sabotage } from './agents/sabotage.js';
import { Board } from './board.js';
import { causalTree } from './causes.js';
import { createCrew } from './crew.js';
import { DataFolder } from './data-folder.js';
import { AskQuestion } from './domain/research-commands.js';
import { follow, type Following } from './follow.js';
import { Library } from './library/library.js';
import { readDocuments } from './library/read-documents.js';
import type { Options } from './options.js';
import { patience } from './patience.js';
import { Reports } from './publishing/reports.js';
import { standing } from './standing.js';
import { chooseStore } from './store.js';
import { boardTable } from './terminal/board-table.js';
import { isTold } from './terminal/narration.js';
import type { Screen } from './terminal/screen.js';
import { figureLines, storyLines, treeLines } from './terminal/summary.js';
import type { ChosenMind } from './thinking/choose-mind.js';

/** Parent of the ids of all researches: an arbitrary UUID that never changes. */
const researches = '8f14e45f-ceea-467f-a0e6-5d2a4c1b7d90';

/** Slow enough to follow on a terminal, and to pull the plug half-way. */
const watchablePaceMs = 500;

export interface Surroundings {
  readonly screen: Screen;
  readonly chosen: ChosenMind;
  readonly signal: AbortSignal;
  readonly answer: Following['answer'];
}

/**
 * One run of the program: from the documents to the end of the research, or to the point where it has to wait.
 *
 * The id of the research follows from what it is about. So the same question over the same documents is the same
 * research, and the run goes on wherever the one before was stopped.
 *
 * @returns how the saga stands at the end of the run
 */
export const run = async (
  options: Options,
  { screen, chosen, signal, answer }: Surroundings,
): Promise<SagaView> => {
  const { question } = options;
  const { documents, passedOver, digest } = await readDocuments(options.shelf);
  const library = new Library(documents);
  for (const { name, reason } of passedOver) screen.say(colors.yellow(`Passed over  ${name} ${reason}`));
  screen.say(`${colors.bold('Question')}   ${question}`);
  screen.say(
    `${colors.bold('Library')}    ${documents.length} documents, ${library.size} passages, from ${options.shelf.folder}`,
  );
  screen.say(`${colors.bold('Mind')}       ${chosen.name}`);

  const folder = new DataFolder(options.data);
  const store = chooseStore(options, folder);
  screen.say(`${colors.bold('Events')}     in ${store.name}`);
  const { backend } = store;
  await folder.prepare();
  if (options.fresh) {
    await store.clear();
    await folder.clearReports();
  }
  const researchId = deterministicId(
    researches,
    JSON.stringify([question, digest, chosen.name, options.fail ?? '']),
  );
  const reports = new Reports(folder.path);
  let commands = 0;
  const countCommands: CommandMiddleware = (command, next) => {
    commands += 1;
    return next(command);
  };
  const app = createCrew({
    backend,
    library,
    mind: chosen.mind,
    reports,
    desks: new Desks(options.researchers),
    pace: new Pace(options.pace ?? (screen.isLive ? watchablePaceMs : 0)),
    sabotage: new Sabotage(options.fail),
    middleware: [countCommands],
  });

  const tell = (): void => void process.stderr.write(standing(app));
  process.on('SIGUSR2', tell);
  const began = performance.now();
  try {
    await backend.open();
    const after = await backend.events.head();
    const before = (await eventsOf(backend, researchId)).length;
    if (before > 0) {
      screen.say(`${colors.bold('Goes on')}    from ${before} events recorded before (--fresh starts over)`);
    }
    screen.say('');
    await app.start();
    const startMs = performance.now() - began;
    await patience.execute(() =>
      app.send(new AskQuestion({ researchId, question }), {
        id: deterministicId(researchId, 'ask'),
        metadata: { correlationId: researchId },
      }),
    );
    const saga = await follow({ app, backend, researchId, after, screen, signal, answer });
    const workMs = performance.now() - began - startMs;

    const events = await patience.execute(() => eventsOf(backend, researchId));
    const board = await patience.execute(() => app.get(Projections).of(Board).get(researchId));
    const story = await patience.execute(() => app.get(Sagas).story('research', researchId));
    const section = (title: string, lines: readonly string[]): void => {
      screen.say(`\n${colors.bold(title)}`);
      for (const line of lines) screen.say(line);
    };
    section('The story of the saga', storyLines(story));
    section('Who caused what', treeLines(causalTree(events, isTold)));
    // On a terminal it stands there already, as the last picture of the live view.
    if (board !== undefined && !screen.isLive) section('The board', boardTable(board, new Date(), 110));
    section('Figures', figureLines({ events: events.length, before, commands, startMs, workMs }));
    return saga;
  } finally {
    await app.stop();
    await backend.close();
    process.off('SIGUSR2', tell);
  }
};

/** Everything in the log that came of one research, found by the correlation that flows through it. */
const eventsOf = async (backend: Backend, correlationId: string): Promise<readonly RecordedEvent[]> => {
  const events: RecordedEvent[] = [];
  for await (const batch of backend.events.readAll({ filter: { metadata: { correlationId } } })) {
    events.push(...batch);
  }
  return events;
};
