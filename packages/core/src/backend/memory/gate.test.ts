import { describe, expect, it } from '@jest/globals';
import { TransactionError } from '../transaction.js';
import { Gate } from './gate.js';

describe('transactions of several gates', () => {
  const [outer, inner] = [new Gate(), new Gate()];

  it('in one of another gate, a write through the first is refused as if it were in its own alone', async () => {
    const write = (): Promise<number> => outer.write(() => 1);
    await expect(outer.hold(() => inner.hold(write))).rejects.toThrow(TransactionError);
    await expect(inner.hold(write)).resolves.toBe(1);
  });

  it('what merely descends from a transaction that is over may write, and be refused in one that is not', async () => {
    let descendant: Promise<unknown> = Promise.resolve();
    let over: () => void = () => undefined;
    const end = new Promise<void>((resolve) => {
      over = resolve;
    });
    await outer.hold(async () => {
      descendant = end.then(() => inner.hold(() => outer.write(() => inner.write(() => 1))));
    });
    over();
    await expect(descendant).rejects.toThrow(TransactionError);
    await expect(outer.write(() => inner.write(() => 2))).resolves.toBe(2);
  });
});
