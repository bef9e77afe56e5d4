import { AggregateId, Command, ItemType } from '@tidemark/core';
import { IsIn, IsInt, IsNotEmpty, IsPositive, IsUUID, MaxLength, ValidateNested } from 'class-validator';
import { Fields } from './fields.js';
import { Draft, Finding, Part, Problem } from './material.js';
import { works, type Work } from './research-events.js';

/** What can be asked of a research. `@AggregateId` says which one; the rest is validated before the aggregate sees it. */
@Command({ name: 'research.ask-question' })
export class AskQuestion extends Fields<AskQuestion> {
  @AggregateId() @IsUUID() readonly researchId!: string;
  @IsNotEmpty() @MaxLength(2_000) readonly question!: string;
}

@Command({ name: 'research.request-plan' })
export class RequestPlan extends Fields<RequestPlan> {
  @AggregateId() @IsUUID() readonly researchId!: string;
}

@Command({ name: 'research.submit-plan' })
export class SubmitPlan extends Fields<SubmitPlan> {
  @AggregateId() @IsUUID() readonly researchId!: string;
  @ValidateNested({ each: true }) @ItemType(() => Part) readonly parts!: readonly Part[];
}

/** Undoes a plan, and with it the research. */
@Command({ name: 'research.discard-plan' })
export class DiscardPlan extends Fields<DiscardPlan> {
  @AggregateId() @IsUUID() readonly researchId!: string;
}

@Command({ name: 'research.request-draft' })
export class RequestDraft extends Fields<RequestDraft> {
  @AggregateId() @IsUUID() readonly researchId!: string;
  @IsPositive() @IsInt() readonly round!: number;
  @ValidateNested({ each: true }) @ItemType(() => Finding) readonly findings!: readonly Finding[];
  @ValidateNested({ each: true }) @ItemType(() => Problem) readonly problems!: readonly Problem[];
}

@Command({ name: 'research.submit-draft' })
export class SubmitDraft extends Fields<SubmitDraft> {
  @AggregateId() @IsUUID() readonly researchId!: string;
  @ValidateNested() readonly draft!: Draft;
}

@Command({ name: 'research.withdraw-draft' })
export class WithdrawDraft extends Fields<WithdrawDraft> {
  @AggregateId() @IsUUID() readonly researchId!: string;
  @IsPositive() @IsInt() readonly round!: number;
}

@Command({ name: 'research.request-review' })
export class RequestReview extends Fields<RequestReview> {
  @AggregateId() @IsUUID() readonly researchId!: string;
  @ValidateNested({ each: true }) @ItemType(() => Finding) readonly findings!: readonly Finding[];
}

/** A review without problems accepts the draft. */
@Command({ name: 'research.submit-review' })
export class SubmitReview extends Fields<SubmitReview> {
  @AggregateId() @IsUUID() readonly researchId!: string;
  @ValidateNested({ each: true }) @ItemType(() => Problem) readonly problems!: readonly Problem[];
}

@Command({ name: 'research.withdraw-review' })
export class WithdrawReview extends Fields<WithdrawReview> {
  @AggregateId() @IsUUID() readonly researchId!: string;
  @IsPositive() @IsInt() readonly round!: number;
}

@Command({ name: 'research.request-publication' })
export class RequestPublication extends Fields<RequestPublication> {
  @AggregateId() @IsUUID() readonly researchId!: string;
  @IsNotEmpty() readonly approvedBy!: string;
}

@Command({ name: 'research.record-publication' })
export class RecordPublication extends Fields<RecordPublication> {
  @AggregateId() @IsUUID() readonly researchId!: string;
  @IsNotEmpty() readonly file!: string;
  @IsPositive() @IsInt() readonly bytes!: number;
}

@Command({ name: 'research.retract-report' })
export class RetractReport extends Fields<RetractReport> {
  @AggregateId() @IsUUID() readonly researchId!: string;
}

@Command({ name: 'research.report-failure' })
export class ReportFailure extends Fields<ReportFailure> {
  @AggregateId() @IsUUID() readonly researchId!: string;
  @IsIn(works) readonly work!: Work;
  @IsNotEmpty() readonly reason!: string;
}
