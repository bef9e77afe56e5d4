import { On } from '@tidemark/core';
import {
  OnApproval,
  OnCompleted,
  Saga,
  Starts,
  type ApprovalDecision,
  type SagaContext,
} from '@tidemark/sagas';
import type { Finding, Part, Problem } from './domain/material.js';
import {
  DiscardPlan,
  RequestDraft,
  RequestPlan,
  RequestPublication,
  RequestReview,
  RetractReport,
  WithdrawDraft,
  WithdrawReview,
} from './domain/research-commands.js';
import {
  DraftAccepted,
  DraftRejected,
  DraftSubmitted,
  QuestionAsked,
  ReportPublished,
  ResearchPlanned,
  WorkFailed,
} from './domain/research-events.js';
import { DiscardFindings, FindingsSubmitted, RequestSearch, SearchFailed } from './domain/search-messages.js';

const mostRounds = 3;

/** How long an agent may take and how often it is asked: the same for each. A second attempt is a new request. */
const patience = { deadline: '5m', retry: { attempts: 2, delay: '250ms' } } as const;

/**
 * The way of a research from the question to the report. Each method says what comes next; nothing is done here.
 * The framework records the decisions in one append and carries them out from there, so a crash loses none and repeats
 * none. Each step brings the command that undoes it: if one fails for good, they run in reverse.
 */
@Saga({ name: 'research', events: [WorkFailed, SearchFailed] })
export class ResearchSaga {
  // The fields are the saga's state: plain JSON, recorded with each decision.
  researchId = '';
  question = '';
  round = 0;
  findings: Record<string, readonly Finding[]> = {};

  @Starts({ key: ({ researchId }: QuestionAsked) => researchId })
  asked({ researchId, question }: QuestionAsked, saga: SagaContext) {
    this.researchId = researchId;
    this.question = question;
    saga.step('plan', {
      command: new RequestPlan({ researchId }),
      completedBy: ResearchPlanned,
      failedBy: WorkFailed,
      inverse: new DiscardPlan({ researchId }),
      ...patience,
    });
  }

  @On() planned({ parts }: ResearchPlanned, saga: SagaContext) {
    for (const part of parts) this.search(part, saga);
  }

  @On() found({ partId, findings }: FindingsSubmitted) {
    // In the order of the parts, whoever was faster: the same findings give the same draft.
    this.findings[partId] = [...findings];
  }

  @OnCompleted('search') allFound(saga: SagaContext) {
    this.draft([], saga);
  }

  @On() drafted({ researchId, round }: DraftSubmitted, saga: SagaContext) {
    saga.step('review', {
      key: `${round}`,
      command: new RequestReview({ researchId, findings: this.allFindings() }),
      completedBy: [DraftAccepted, DraftRejected],
      failedBy: WorkFailed,
      inverse: new WithdrawReview({ researchId, round }),
      ...patience,
    });
  }

  @On() rejected({ problems, round }: DraftRejected, saga: SagaContext) {
    if (round < mostRounds) this.draft(problems, saga);
    else saga.compensate(`The critic rejected ${round} drafts`);
  }

  @On() accepted({ round }: DraftAccepted, saga: SagaContext) {
    saga.requestApproval('publish', {
      question: `Publish draft ${round} on “${this.question}”?`,
    });
  }

  @OnApproval('publish') decided({ outcome, by = 'nobody', comment }: ApprovalDecision, saga: SagaContext) {
    const { researchId } = this;
    if (outcome !== 'approved') {
      saga.compensate(`${by} did not approve${comment === undefined ? '' : `: ${comment}`}`);
      return;
    }
    saga.step('publish', {
      command: new RequestPublication({ researchId, approvedBy: by }),
      completedBy: ReportPublished,
      failedBy: WorkFailed,
      inverse: new RetractReport({ researchId }),
      ...patience,
    });
  }

  @On() published({ file }: ReportPublished, saga: SagaContext) {
    saga.complete({ file });
  }

  private search(part: Part, saga: SagaContext) {
    const { researchId } = this;
    saga.step('search', {
      key: part.id,
      command: new RequestSearch({ researchId, part }),
      completedBy: FindingsSubmitted,
      failedBy: SearchFailed,
      inverse: new DiscardFindings({ researchId, partId: part.id }),
      ...patience,
    });
  }

  private draft(problems: readonly Problem[], saga: SagaContext) {
    const { researchId } = this;
    this.round += 1;
    saga.step('draft', {
      key: `${this.round}`,
      command: new RequestDraft({ researchId, round: this.round, findings: this.allFindings(), problems }),
      completedBy: DraftSubmitted,
      failedBy: WorkFailed,
      inverse: new WithdrawDraft({ researchId, round: this.round }),
      ...patience,
    });
  }

  private allFindings(): readonly Finding[] {
    return Object.entries(this.findings)
      .toSorted(([one], [other]) => (one < other ? -1 : 1))
      .flatMap(([, findings]) => findings);
  }
}
