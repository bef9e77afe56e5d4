import type { Application, Backend, RecordedEvent } from '@tidemark/core';
import { Projections } from '@tidemark/projections';
import { Sagas, sagaEventType, type SagaView } from '@tidemark/sagas';
import { Board } from './board.js';
import { isTold } from './terminal/narration.js';
import { patience } from './patience.js';
import type { Screen } from './terminal/screen.js';

/** What a person says to a request for approval. `later` leaves it open. */
export type Answer = 'yes' | 'no' | 'later';

export interface Following {
  readonly app: Application;
  readonly backend: Backend;
  readonly researchId: string;
  /** Show what comes after this position. */
  readonly after: bigint;
  readonly screen: Screen;
  readonly signal: AbortSignal;
  /** Asked once for each request. */
  answer(question: string): Promise<{ readonly answer: Answer; readonly by: string }>;
}

/** Something in the application stopped working: nothing goes on by itself. */
export class CrewDownError extends Error {
  override readonly name = 'CrewDownError';
}

/** The states in which a saga does nothing more by itself. */
const ends: ReadonlySet<string> = new Set(['completed', 'compensated', 'needs-person']);

/** The saga's own events after which its status is another one. */
const turns: ReadonlySet<string> = new Set(
  (['approval-requested', 'completed', 'compensated', 'needs-person'] as const).map((kind) =>
    sagaEventType('research', kind),
  ),
);

/**
 * Follows one research until its saga has ended, or waits for a person who is not there.
 *
 * @throws {CrewDownError} a processor, the projection or the saga has failed for good
 * @throws the signal's reason, once it is aborted
 */
export const follow = async (following: Following): Promise<SagaView> => {
  const { app, backend, researchId, after, screen, signal } = following;
  const down = new AbortController();
  const watch = setInterval(() => {
    const { status, ready, reasons } = app.health();
    // An application that is not ready waits for its database, and goes on when that is back.
    if (status === 'down' && ready) down.abort(new CrewDownError(reasons.join('\n')));
  }, 500);
  const ended = AbortSignal.any([signal, down.signal]);
  let seen = after;
  const look = async (): Promise<SagaView> => {
    let unseen = true;
    // The program reads the same log as the agents do: first what is there, then what comes.
    for await (const { events, position } of backend.events.subscribe({ after: seen, signal: ended })) {
      const shown = events.filter((event) => isTold(event) && isOf(researchId, event));
      if (shown.length > 0) {
        const projections = app.get(Projections);
        await projections.waitFor(position);
        screen.show(shown, await projections.of(Board).get(researchId));
      }
      seen = position;
      if (unseen || events.some(({ type }) => turns.has(type))) {
        const view = await app.get(Sagas).get('research', researchId);
        unseen = view === undefined;
        if (view !== undefined && ends.has(view.status)) return view;
        const approval = view?.approvals[0];
        if (view !== undefined && approval !== undefined && !(await decide(following, approval, ended)))
          return view;
      }
    }
    ended.throwIfAborted();
    throw new CrewDownError('The log can no longer be followed.');
  };
  try {
    // Whoever follows the log by themselves begins again behind what they have seen, when the database was away.
    return await patience.execute(look, ended);
  } finally {
    clearInterval(watch);
    screen.rest();
  }
};

/** @returns false if the decision is left open */
const decide = async (
  following: Following,
  approval: { readonly name: string; readonly question: string },
  signal: AbortSignal,
): Promise<boolean> => {
  const { answer, by } = await following.answer(approval.question);
  signal.throwIfAborted();
  if (answer === 'later') return false;
  const { app, researchId } = following;
  const sagas = app.get(Sagas);
  await (answer === 'yes'
    ? sagas.approve('research', researchId, approval.name, { by })
    : sagas.reject('research', researchId, approval.name, { by }));
  return true;
};

const isOf = (researchId: string, { metadata }: RecordedEvent): boolean =>
  metadata.correlationId === researchId;
