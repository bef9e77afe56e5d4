/** Any class, however it is constructed. */
export type Class<Instance = object> = abstract new (...parameters: never[]) => Instance;

/**
 * What a decorator or a builder function makes of the user's code: a plain description. The runtime knows only these.
 * Each kind has a shape of its own; this is what they share.
 */
export interface Definition {
  readonly kind: string;
  /** Stable, explicit, unique within its kind: it is stored, so it outlives renamed classes. */
  readonly name: string;
  /** Where in the source it was made, as `file:line:column`, for error messages. */
  readonly definedAt: string;
}
