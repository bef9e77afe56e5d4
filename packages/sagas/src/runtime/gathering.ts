/**
 * Sends items to a store in as few calls as their arrival allows: at most one call is under way, and all that come
 * meanwhile go together in the next. Each caller learns of the end of the call that held its items.
 */
export class Gathering<Item> {
  readonly #send: (items: readonly Item[]) => Promise<void>;
  #waiting: { readonly items: Item[]; readonly sent: Promise<void> } | undefined;
  #underWay: Promise<unknown> = Promise.resolve();

  constructor(send: (items: readonly Item[]) => Promise<void>) {
    this.#send = send;
  }

  /** @throws what sending threw */
  add(items: readonly Item[]): Promise<void> {
    if (this.#waiting !== undefined) {
      this.#waiting.items.push(...items);
      return this.#waiting.sent;
    }
    const next = [...items];
    const sendNext = (): Promise<void> => {
      this.#waiting = undefined;
      return this.#send(next);
    };
    const sent = this.#underWay.then(sendNext, sendNext);
    this.#underWay = sent;
    this.#waiting = { items: next, sent };
    return sent;
  }
}
