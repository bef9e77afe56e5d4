import { Aggregate, AggregateId, Apply, CommandHandler } from '@tidemark/core';
import type { Draft, Part } from './material.js';
import { OutOfOrderError } from './out-of-order-error.js';
import {
  AskQuestion,
  DiscardPlan,
  RecordPublication,
  ReportFailure,
  RequestDraft,
  RequestPlan,
  RequestPublication,
  RequestReview,
  RetractReport,
  SubmitDraft,
  SubmitPlan,
  SubmitReview,
  WithdrawDraft,
  WithdrawReview,
} from './research-commands.js';
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
  type Work,
} from './research-events.js';

/** How far a research has come. */
export type Stage =
  | 'new'
  | 'asked'
  | 'planned'
  | 'drafted'
  | 'rejected'
  | 'accepted'
  | 'published'
  | 'abandoned';

/**
 * One question and what becomes of it.
 *
 * Methods with `@CommandHandler` only decide: they look at the fields and return what happened. Methods with `@Apply`
 * only change the fields, and run again whenever the aggregate is loaded. Agents look at {@link Research.awaiting} to
 * see whether their work is still to be done.
 */
@Aggregate({ name: 'research' })
export class Research {
  @AggregateId() readonly id!: string;
  stage: Stage = 'new';
  /** The work that an agent was asked for and that is not there yet. */
  awaiting: Work | undefined;
  question = '';
  parts: readonly Part[] = [];
  /** Number of the newest draft asked for. */
  round = 0;
  draft: Draft | undefined;
  /** What is there to be undone, as `draft 1`. */
  readonly standing = new Set<string>();

  @CommandHandler() ask({ researchId, question }: AskQuestion) {
    return this.stage === 'new' ? new QuestionAsked({ researchId, question }) : [];
  }

  @CommandHandler() requestPlan({ researchId }: RequestPlan) {
    this.require('RequestPlan', 'asked');
    return new PlanRequested({ researchId, question: this.question });
  }

  @CommandHandler() submitPlan({ researchId, parts }: SubmitPlan) {
    this.requireAwaiting('SubmitPlan', 'plan');
    return new ResearchPlanned({ researchId, parts });
  }

  @CommandHandler() discardPlan({ researchId }: DiscardPlan) {
    const nothingToUndo = this.awaiting !== 'plan' && !this.standing.has('plan');
    return nothingToUndo ? [] : new PlanDiscarded({ researchId });
  }

  @CommandHandler() requestDraft({ researchId, round, findings, problems }: RequestDraft) {
    this.require('RequestDraft', 'planned', 'rejected');
    const { question, parts } = this;
    return new DraftRequested({ researchId, question, round, parts, findings, problems });
  }

  @CommandHandler() submitDraft({ researchId, draft }: SubmitDraft) {
    this.requireAwaiting('SubmitDraft', 'draft');
    return new DraftSubmitted({ researchId, round: this.round, draft });
  }

  @CommandHandler() withdrawDraft({ researchId, round }: WithdrawDraft) {
    const written = this.standing.has(`draft ${round}`);
    const beingWritten = this.awaiting === 'draft' && this.round === round;
    return written || beingWritten ? new DraftWithdrawn({ researchId, round }) : [];
  }

  @CommandHandler() requestReview({ researchId, findings }: RequestReview) {
    this.require('RequestReview', 'drafted');
    if (this.draft === undefined) throw this.outOfOrder('RequestReview');
    return new ReviewRequested({ researchId, round: this.round, draft: this.draft, findings });
  }

  @CommandHandler() submitReview({ researchId, problems }: SubmitReview) {
    this.requireAwaiting('SubmitReview', 'review');
    const { round } = this;
    return problems.length === 0
      ? new DraftAccepted({ researchId, round })
      : new DraftRejected({ researchId, round, problems });
  }

  @CommandHandler() withdrawReview({ researchId, round }: WithdrawReview) {
    const written = this.standing.has(`review ${round}`);
    const beingWritten = this.awaiting === 'review' && this.round === round;
    return written || beingWritten ? new ReviewWithdrawn({ researchId, round }) : [];
  }

  @CommandHandler() requestPublication({ researchId, approvedBy }: RequestPublication) {
    this.require('RequestPublication', 'accepted');
    if (this.draft === undefined) throw this.outOfOrder('RequestPublication');
    return new PublicationRequested({ researchId, question: this.question, approvedBy, draft: this.draft });
  }

  @CommandHandler() recordPublication({ researchId, file, bytes }: RecordPublication) {
    this.requireAwaiting('RecordPublication', 'publish');
    return new ReportPublished({ researchId, file, bytes });
  }

  @CommandHandler() retractReport({ researchId }: RetractReport) {
    const nothingToUndo = this.awaiting !== 'publish' && !this.standing.has('report');
    return nothingToUndo ? [] : new ReportRetracted({ researchId });
  }

  @CommandHandler() reportFailure({ researchId, work, reason }: ReportFailure) {
    this.requireAwaiting('ReportFailure', work);
    return new WorkFailed({ researchId, work, reason });
  }

  @Apply() asked({ question }: QuestionAsked) {
    this.stage = 'asked';
    this.question = question;
  }

  @Apply(PlanRequested) planRequested() {
    this.awaiting = 'plan';
  }

  @Apply() planned({ parts }: ResearchPlanned) {
    this.arrived('planned', 'plan');
    this.parts = parts;
  }

  @Apply(PlanDiscarded) planDiscarded() {
    this.undone('abandoned', 'plan');
  }

  @Apply() draftRequested({ round }: DraftRequested) {
    this.awaiting = 'draft';
    this.round = round;
  }

  @Apply() drafted({ round, draft }: DraftSubmitted) {
    this.arrived('drafted', `draft ${round}`);
    this.draft = draft;
  }

  @Apply() draftWithdrawn({ round }: DraftWithdrawn) {
    this.undone('planned', `draft ${round}`);
    this.draft = undefined;
  }

  @Apply(ReviewRequested) reviewRequested() {
    this.awaiting = 'review';
  }

  @Apply() accepted({ round }: DraftAccepted) {
    this.arrived('accepted', `review ${round}`);
  }

  @Apply() rejected({ round }: DraftRejected) {
    this.arrived('rejected', `review ${round}`);
  }

  @Apply() reviewWithdrawn({ round }: ReviewWithdrawn) {
    this.undone('drafted', `review ${round}`);
  }

  @Apply(PublicationRequested) publicationRequested() {
    this.awaiting = 'publish';
  }

  @Apply(ReportPublished) published() {
    this.arrived('published', 'report');
  }

  @Apply(ReportRetracted) retracted() {
    this.undone('accepted', 'report');
  }

  @Apply(WorkFailed) workFailed() {
    this.awaiting = undefined;
  }

  private arrived(stage: Stage, result: string) {
    this.stage = stage;
    this.awaiting = undefined;
    this.standing.add(result);
  }

  private undone(stage: Stage, result: string) {
    this.stage = stage;
    this.awaiting = undefined;
    this.standing.delete(result);
  }

  private require(command: string, ...stages: readonly Stage[]) {
    if (!stages.includes(this.stage)) throw this.outOfOrder(command);
  }

  private requireAwaiting(command: string, work: Work) {
    if (this.awaiting !== work) throw this.outOfOrder(command);
  }

  private outOfOrder(command: string) {
    const { stage, awaiting } = this;
    return new OutOfOrderError(
      command,
      `research is ${stage} and awaits ${awaiting === undefined ? 'nothing' : `its ${awaiting}`}`,
    );
  }
}
