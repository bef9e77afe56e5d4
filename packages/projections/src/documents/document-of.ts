/** The second parameter of a handler, where it declares one. */
type DocumentParameter<Method> = Method extends (
  event: never,
  document: infer Document,
  ...rest: never[]
) => unknown
  ? unknown extends Document
    ? never
    : Document
  : never;

/** The documents of a projection class: what its handlers take as their second parameter. */
export type DocumentOf<Projection> = Extract<
  NonNullable<{ [Name in keyof Projection]: DocumentParameter<Projection[Name]> }[keyof Projection]>,
  object
>;
