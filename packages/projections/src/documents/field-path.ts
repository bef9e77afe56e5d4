import type { FieldCondition, IndexedValue } from '@tidemark/core';

type Scalar = string | number | boolean;

/** How deep {@link FieldPath} looks; what lies deeper can still be indexed by a plain string in a `string[]`. */
type Shallower = [never, 0, 1, 2, 3];

/**
 * Dotted paths of the fields of a document that can be indexed: strings, numbers and booleans, up to four levels deep.
 *
 * @example
 * `FieldPath<{ status: string; owner: { id: string }; tags: string[] }>` is `'status' | 'owner.id'`.
 */
export type FieldPath<Document, Depth extends number = 4> = Depth extends 0
  ? never
  : {
      [Field in keyof Document & string]-?: NonNullable<Document[Field]> extends Scalar
        ? Field
        : NonNullable<Document[Field]> extends readonly unknown[]
          ? never
          : NonNullable<Document[Field]> extends object
            ? `${Field}.${FieldPath<NonNullable<Document[Field]>, Shallower[Depth]>}`
            : never;
    }[keyof Document & string];

/** The type of a document's field at a dotted path. */
export type ValueAt<Document, Path extends string> = Path extends keyof Document
  ? Document[Path]
  : Path extends `${infer Head}.${infer Rest}`
    ? Head extends keyof Document
      ? ValueAt<NonNullable<Document[Head]>, Rest>
      : IndexedValue
    : IndexedValue;

/** What may be compared with a field: its own type, and `null`, which stands for a field that is not there. */
type Comparable<Document, Field extends string> =
  Extract<ValueAt<Document, Field>, Scalar> extends never
    ? IndexedValue
    : Extract<ValueAt<Document, Field>, Scalar> | null;

/** Conditions on one field, with values of the field's type. All given must hold. */
export type ConditionOn<Value extends IndexedValue> = {
  readonly [Operator in Exclude<keyof FieldCondition, 'in'>]?: Value | undefined;
} & { readonly in?: readonly Value[] | undefined };

/** Conditions by field: a value that it must equal, or comparisons. All must hold. */
export type Where<Document, Field extends string> = [Field] extends [never]
  ? Readonly<Record<string, never>>
  : {
      readonly [Name in Field]?:
        | Comparable<Document, Name>
        | ConditionOn<Comparable<Document, Name>>
        | undefined;
    };
