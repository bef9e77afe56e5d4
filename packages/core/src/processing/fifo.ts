/** How many taken places may stay at the front before they are given back. */
const SLACK = 1024;

/** A queue whose both ends cost the same however long it is; an array's `shift` moves everything behind it. */
export class Fifo<Item> {
  #items: (Item | undefined)[] = [];
  #head = 0;

  get size(): number {
    return this.#items.length - this.#head;
  }

  push(item: Item): void {
    this.#items.push(item);
  }

  /** Puts an item before all others, such as one that was taken too early. */
  unshift(item: Item): void {
    if (this.#head === 0) {
      this.#items.unshift(item);
      return;
    }
    this.#head -= 1;
    this.#items[this.#head] = item;
  }

  peek(): Item | undefined {
    return this.#items[this.#head];
  }

  /** The item that was added last. */
  last(): Item | undefined {
    return this.#items.at(-1);
  }

  shift(): Item | undefined {
    if (this.#head === this.#items.length) return undefined;
    const item = this.#items[this.#head];
    this.#items[this.#head] = undefined;
    this.#head += 1;
    if (this.#head === this.#items.length) {
      this.#items = [];
      this.#head = 0;
    } else if (this.#head >= SLACK && this.#head * 2 >= this.#items.length) {
      this.#items = this.#items.slice(this.#head);
      this.#head = 0;
    }
    return item;
  }
}
