import { ItemType } from '@tidemark/core';
import { IsInt, IsNotEmpty, IsOptional, IsPositive, IsString, ValidateNested } from 'class-validator';
import { Fields } from './fields.js';

/**
 * What the crew hands around. The decorators serve twice: they say what is valid, and they tell the framework
 * which plain objects in the log become instances again.
 */

/** One side of the question. */
export class Part extends Fields<Part> {
  @IsNotEmpty() readonly id!: string;
  /** As a person reads it. */
  @IsNotEmpty() readonly title!: string;
  /** As the library is searched for it. */
  @IsNotEmpty() readonly query!: string;
}

/** A place in a document. */
export class Source extends Fields<Source> {
  @IsNotEmpty() readonly file!: string;
  @IsPositive() @IsInt() readonly line!: number;
}

/** A passage that a researcher found. Its text keeps the line breaks of the document, so that sentences can be cited by line. */
export class Finding extends Fields<Finding> {
  @IsNotEmpty() readonly file!: string;
  /** Of the passage's first line, from 1. */
  @IsPositive() @IsInt() readonly line!: number;
  @IsNotEmpty() readonly partId!: string;
  @IsString() readonly heading!: string;
  @IsNotEmpty() readonly text!: string;
}

/** One sentence of a draft. */
export class Claim extends Fields<Claim> {
  @IsNotEmpty() readonly text!: string;
  @IsOptional() @ValidateNested() readonly source?: Source;
}

export class Section extends Fields<Section> {
  @IsNotEmpty() readonly title!: string;
  @ValidateNested({ each: true }) @ItemType(() => Claim) readonly claims!: readonly Claim[];
}

export class Draft extends Fields<Draft> {
  @ValidateNested({ each: true }) @ItemType(() => Claim) readonly lead!: readonly Claim[];
  @ValidateNested({ each: true }) @ItemType(() => Section) readonly sections!: readonly Section[];
  /** Titles of the parts on which the documents say nothing. */
  @IsString({ each: true }) readonly unanswered!: readonly string[];
}

/** What the critic has to say against one claim. */
export class Problem extends Fields<Problem> {
  /** Text of the claim. */
  @IsNotEmpty() readonly claim!: string;
  @IsNotEmpty() readonly reason!: string;
}

/** Every claim of a draft, in reading order. */
export const claimsOf = (draft: Draft): readonly Claim[] => [
  ...draft.lead,
  ...draft.sections.flatMap(({ claims }) => claims),
];
