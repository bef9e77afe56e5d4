import { On } from '@tidemark/core';
import { Projection, type DocumentContext } from '@tidemark/projections';
import { claimsOf } from './domain/material.js';
import {
  DraftAccepted,
  DraftRejected,
  DraftRequested,
  DraftSubmitted,
  DraftWithdrawn,
  PlanDiscarded,
  PlanRequested,
  PublicationRequested,
  QuestionAsked,
  ReportPublished,
  ReportRetracted,
  ResearchPlanned,
  ReviewRequested,
  ReviewWithdrawn,
  WorkFailed,
} from './domain/research-events.js';
import {
  FindingsDiscarded,
  FindingsSubmitted,
  SearchFailed,
  SearchRequested,
} from './domain/search-messages.js';

/** One piece of work on the board. */
export interface Task {
  /** Tells it from the others: `search part-1`. */
  readonly id: string;
  readonly agent: string;
  readonly what: string;
  readonly state: 'at work' | 'done' | 'sent back' | 'failed' | 'undone';
  readonly result: string;
  /** How often it was asked for. */
  readonly attempts: number;
  /** ISO 8601. */
  readonly startedAt: string;
  readonly endedAt: string | undefined;
}

/** One research on the board. */
export interface ResearchBoard {
  readonly question: string;
  readonly status: 'in work' | 'published' | 'abandoned';
  readonly tasks: readonly Task[];
}

type Current = ResearchBoard | undefined;

/**
 * The read model: who of the crew does what. Each method is a pure function from an event and the document to the next
 * document; the framework stores it in one transaction with the place in the log, so each event counts exactly once.
 */
@Projection({ name: 'crew-board', key: 'researchId', indexes: ['status'] })
export class Board {
  @On() asked({ question }: QuestionAsked): ResearchBoard {
    return { question, status: 'in work', tasks: [] };
  }

  @On() planRequested(_: PlanRequested, board: Current, context: DocumentContext) {
    return begun(board, 'plan', 'planner', 'split the question', context);
  }

  @On() planned({ parts }: ResearchPlanned, board: Current, context: DocumentContext) {
    return ended(board, 'plan', 'done', count(parts.length, 'part'), context);
  }

  @On() planDiscarded(_: PlanDiscarded, board: Current, context: DocumentContext) {
    const discarded = ended(board, 'plan', 'undone', 'plan discarded', context);
    return discarded && { ...discarded, status: 'abandoned' as const };
  }

  @On() searchRequested({ part }: SearchRequested, board: Current, context: DocumentContext) {
    return begun(board, `search ${part.id}`, 'researcher', part.title, context);
  }

  @On() found({ partId, findings }: FindingsSubmitted, board: Current, context: DocumentContext) {
    return ended(board, `search ${partId}`, 'done', count(findings.length, 'passage'), context);
  }

  @On() searchFailed({ partId, reason }: SearchFailed, board: Current, context: DocumentContext) {
    return ended(board, `search ${partId}`, 'failed', reason, context);
  }

  @On() findingsDiscarded({ partId }: FindingsDiscarded, board: Current, context: DocumentContext) {
    return ended(board, `search ${partId}`, 'undone', 'findings discarded', context);
  }

  @On() draftRequested({ round }: DraftRequested, board: Current, context: DocumentContext) {
    return begun(board, `draft ${round}`, 'writer', `write draft ${round}`, context);
  }

  @On() drafted({ round, draft }: DraftSubmitted, board: Current, context: DocumentContext) {
    return ended(board, `draft ${round}`, 'done', count(claimsOf(draft).length, 'claim'), context);
  }

  @On() draftWithdrawn({ round }: DraftWithdrawn, board: Current, context: DocumentContext) {
    return ended(board, `draft ${round}`, 'undone', 'draft withdrawn', context);
  }

  @On() reviewRequested({ round }: ReviewRequested, board: Current, context: DocumentContext) {
    return begun(board, `review ${round}`, 'critic', `review draft ${round}`, context);
  }

  @On() accepted({ round }: DraftAccepted, board: Current, context: DocumentContext) {
    return ended(board, `review ${round}`, 'done', 'accepted', context);
  }

  @On() rejected({ round, problems }: DraftRejected, board: Current, context: DocumentContext) {
    return ended(board, `review ${round}`, 'sent back', count(problems.length, 'problem'), context);
  }

  @On() reviewWithdrawn({ round }: ReviewWithdrawn, board: Current, context: DocumentContext) {
    return ended(board, `review ${round}`, 'undone', 'review withdrawn', context);
  }

  @On() publicationRequested(_: PublicationRequested, board: Current, context: DocumentContext) {
    return begun(board, 'publish', 'publisher', 'write the report', context);
  }

  @On() published({ file }: ReportPublished, board: Current, context: DocumentContext) {
    const published = ended(board, 'publish', 'done', file, context);
    return published && { ...published, status: 'published' as const };
  }

  @On() retracted(_: ReportRetracted, board: Current, context: DocumentContext) {
    const retracted = ended(board, 'publish', 'undone', 'report retracted', context);
    return retracted && { ...retracted, status: 'in work' as const };
  }

  @On() failed({ work, reason }: WorkFailed, board: Current, context: DocumentContext) {
    // Of drafts and reviews there may be several: the one at work is meant.
    const task = board?.tasks.findLast(({ id, state }) => id.startsWith(work) && state === 'at work');
    return ended(board, task?.id ?? work, 'failed', reason, context);
  }
}

const begun = (
  board: Current,
  id: string,
  agent: string,
  what: string,
  { event }: DocumentContext,
): Current => {
  const before = board?.tasks.find((task) => task.id === id);
  const task: Task = {
    id,
    agent,
    what,
    state: 'at work',
    result: '',
    attempts: (before?.attempts ?? 0) + 1,
    startedAt: before?.startedAt ?? event.recordedAt.toISOString(),
    endedAt: undefined,
  };
  return board && withTask(board, task);
};

const ended = (
  board: Current,
  id: string,
  state: Task['state'],
  result: string,
  { event }: DocumentContext,
): Current => {
  const task = board?.tasks.find((candidate) => candidate.id === id);
  // An inverse is not the agent's own doing.
  const agent = state === 'undone' ? task?.agent : event.metadata.agentId;
  return (
    task &&
    board &&
    withTask(board, {
      ...task,
      state,
      result,
      agent: agent ?? task.agent,
      endedAt: event.recordedAt.toISOString(),
    })
  );
};

const withTask = (board: ResearchBoard, task: Task): ResearchBoard => ({
  ...board,
  tasks: board.tasks.some(({ id }) => id === task.id)
    ? board.tasks.map((other) => (other.id === task.id ? task : other))
    : [...board.tasks, task],
});

const count = (number: number, thing: string): string => `${number} ${thing}${number === 1 ? '' : 's'}`;
