/**
 * A command came at a time when it makes no sense. Domain errors pass through the framework as they are: a saga sees
 * its step rejected, and an agent learns that it was overtaken.
 */
export class OutOfOrderError extends Error {
  override readonly name = 'OutOfOrderError';

  /** @param state in which the aggregate is, in words */
  constructor(
    readonly command: string,
    readonly state: string,
  ) {
    super(`${command} is out of order: the ${state}.`);
  }
}
