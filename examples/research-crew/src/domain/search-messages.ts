import { Command, Event, ItemType } from '@tidemark/core';
import { IsNotEmpty, IsUUID, ValidateNested } from 'class-validator';
import { Fields } from './fields.js';
import { Finding, Part } from './material.js';

/** Commands to one search and events of it: they all say of which research, and on which part of its question. */
@Command({ name: 'search.request' })
export class RequestSearch extends Fields<RequestSearch> {
  @IsUUID() readonly researchId!: string;
  @ValidateNested() readonly part!: Part;
}

@Command({ name: 'search.submit-findings' })
export class SubmitFindings extends Fields<SubmitFindings> {
  @IsUUID() readonly researchId!: string;
  @IsNotEmpty() readonly partId!: string;
  @ValidateNested({ each: true }) @ItemType(() => Finding) readonly findings!: readonly Finding[];
}

@Command({ name: 'search.report-failure' })
export class ReportSearchFailure extends Fields<ReportSearchFailure> {
  @IsUUID() readonly researchId!: string;
  @IsNotEmpty() readonly partId!: string;
  @IsNotEmpty() readonly reason!: string;
}

@Command({ name: 'search.discard-findings' })
export class DiscardFindings extends Fields<DiscardFindings> {
  @IsUUID() readonly researchId!: string;
  @IsNotEmpty() readonly partId!: string;
}

@Event({ name: 'search.requested' })
export class SearchRequested extends Fields<SearchRequested> {
  @IsUUID() readonly researchId!: string;
  @ValidateNested() readonly part!: Part;
}

@Event({ name: 'search.findings-submitted' })
export class FindingsSubmitted extends Fields<FindingsSubmitted> {
  @IsUUID() readonly researchId!: string;
  @IsNotEmpty() readonly partId!: string;
  @ValidateNested({ each: true }) @ItemType(() => Finding) readonly findings!: readonly Finding[];
}

@Event({ name: 'search.failed' })
export class SearchFailed extends Fields<SearchFailed> {
  @IsUUID() readonly researchId!: string;
  @IsNotEmpty() readonly partId!: string;
  @IsNotEmpty() readonly reason!: string;
}

@Event({ name: 'search.findings-discarded' })
export class FindingsDiscarded extends Fields<FindingsDiscarded> {
  @IsUUID() readonly researchId!: string;
  @IsNotEmpty() readonly partId!: string;
}
