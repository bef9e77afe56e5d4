/** Places of a queue that holds little; a power of two. */
const FEW = 4;
/** A queue that had more places gives them back when it is empty. */
const MANY = 1024;

/** A queue whose both ends cost the same however long it is; an array's `shift` moves everything behind it. */
export class Fifo<Item> {
  /** A ring: a power of two places, so that a mask finds each. */
  #ring: (Item | undefined)[] = Array.from({ length: FEW });
  #head = 0;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  push(item: Item): void {
    if (this.#size === this.#ring.length) this.#grow();
    this.#ring[(this.#head + this.#size) & (this.#ring.length - 1)] = item;
    this.#size += 1;
  }

  /** Puts an item before all others, such as one that was taken too early. */
  unshift(item: Item): void {
    if (this.#size === this.#ring.length) this.#grow();
    this.#head = (this.#head - 1) & (this.#ring.length - 1);
    this.#ring[this.#head] = item;
    this.#size += 1;
  }

  peek(): Item | undefined {
    return this.#ring[this.#head];
  }

  /** The item that was added last. */
  last(): Item | undefined {
    return this.#ring[(this.#head + this.#size - 1) & (this.#ring.length - 1)];
  }

  shift(): Item | undefined {
    if (this.#size === 0) return undefined;
    const item = this.#ring[this.#head];
    this.#ring[this.#head] = undefined;
    this.#head = (this.#head + 1) & (this.#ring.length - 1);
    this.#size -= 1;
    if (this.#size === 0 && this.#ring.length > MANY) this.clear();
    return item;
  }

  clear(): void {
    this.#ring = Array.from({ length: FEW });
    this.#head = 0;
    this.#size = 0;
  }

  #grow(): void {
    const { length } = this.#ring;
    const ring: (Item | undefined)[] = Array.from({ length: length * 2 });
    for (let index = 0; index < this.#size; index += 1) {
      ring[index] = this.#ring[(this.#head + index) & (length - 1)];
    }
    this.#ring = ring;
    this.#head = 0;
  }
}
