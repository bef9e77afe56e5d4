import { Event, ItemType } from '@tidemark/core';
import { IsIn, IsInt, IsNotEmpty, IsPositive, IsUUID, ValidateNested } from 'class-validator';
import { Fields } from './fields.js';
import { Draft, Finding, Part, Problem } from './material.js';

/** The kinds of work on a research: each is done by one agent. */
export const works = ['plan', 'draft', 'review', 'publish'] as const;
export type Work = (typeof works)[number];

/** What happened in a research. Names are stored with every event, so they are chosen once and never follow a renamed class. */
@Event({ name: 'research.question-asked' })
export class QuestionAsked extends Fields<QuestionAsked> {
  @IsUUID() readonly researchId!: string;
  @IsNotEmpty() readonly question!: string;
}

@Event({ name: 'research.plan-requested' })
export class PlanRequested extends Fields<PlanRequested> {
  @IsUUID() readonly researchId!: string;
  @IsNotEmpty() readonly question!: string;
}

@Event({ name: 'research.planned' })
export class ResearchPlanned extends Fields<ResearchPlanned> {
  @IsUUID() readonly researchId!: string;
  @ValidateNested({ each: true }) @ItemType(() => Part) readonly parts!: readonly Part[];
}

@Event({ name: 'research.plan-discarded' })
export class PlanDiscarded extends Fields<PlanDiscarded> {
  @IsUUID() readonly researchId!: string;
}

@Event({ name: 'research.draft-requested' })
export class DraftRequested extends Fields<DraftRequested> {
  @IsUUID() readonly researchId!: string;
  @IsNotEmpty() readonly question!: string;
  @IsPositive() @IsInt() readonly round!: number;
  @ValidateNested({ each: true }) @ItemType(() => Part) readonly parts!: readonly Part[];
  @ValidateNested({ each: true }) @ItemType(() => Finding) readonly findings!: readonly Finding[];
  /** What the critic had against the draft before. */
  @ValidateNested({ each: true }) @ItemType(() => Problem) readonly problems!: readonly Problem[];
}

@Event({ name: 'research.draft-submitted' })
export class DraftSubmitted extends Fields<DraftSubmitted> {
  @IsUUID() readonly researchId!: string;
  @IsPositive() @IsInt() readonly round!: number;
  @ValidateNested() readonly draft!: Draft;
}

@Event({ name: 'research.draft-withdrawn' })
export class DraftWithdrawn extends Fields<DraftWithdrawn> {
  @IsUUID() readonly researchId!: string;
  @IsPositive() @IsInt() readonly round!: number;
}

@Event({ name: 'research.review-requested' })
export class ReviewRequested extends Fields<ReviewRequested> {
  @IsUUID() readonly researchId!: string;
  @IsPositive() @IsInt() readonly round!: number;
  @ValidateNested() readonly draft!: Draft;
  @ValidateNested({ each: true }) @ItemType(() => Finding) readonly findings!: readonly Finding[];
}

@Event({ name: 'research.draft-accepted' })
export class DraftAccepted extends Fields<DraftAccepted> {
  @IsUUID() readonly researchId!: string;
  @IsPositive() @IsInt() readonly round!: number;
}

@Event({ name: 'research.draft-rejected' })
export class DraftRejected extends Fields<DraftRejected> {
  @IsUUID() readonly researchId!: string;
  @IsPositive() @IsInt() readonly round!: number;
  @ValidateNested({ each: true }) @ItemType(() => Problem) readonly problems!: readonly Problem[];
}

@Event({ name: 'research.review-withdrawn' })
export class ReviewWithdrawn extends Fields<ReviewWithdrawn> {
  @IsUUID() readonly researchId!: string;
  @IsPositive() @IsInt() readonly round!: number;
}

@Event({ name: 'research.publication-requested' })
export class PublicationRequested extends Fields<PublicationRequested> {
  @IsUUID() readonly researchId!: string;
  @IsNotEmpty() readonly question!: string;
  @IsNotEmpty() readonly approvedBy!: string;
  @ValidateNested() readonly draft!: Draft;
}

@Event({ name: 'research.report-published' })
export class ReportPublished extends Fields<ReportPublished> {
  @IsUUID() readonly researchId!: string;
  /** Name of the file in the data folder. */
  @IsNotEmpty() readonly file!: string;
  @IsPositive() @IsInt() readonly bytes!: number;
}

@Event({ name: 'research.report-retracted' })
export class ReportRetracted extends Fields<ReportRetracted> {
  @IsUUID() readonly researchId!: string;
}

/** An agent could not do its work. Whether it is asked again is for the saga to say. */
@Event({ name: 'research.work-failed' })
export class WorkFailed extends Fields<WorkFailed> {
  @IsUUID() readonly researchId!: string;
  @IsIn(works) readonly work!: Work;
  @IsNotEmpty() readonly reason!: string;
}
