import { describe, expect, it } from '@jest/globals';
import { newId } from '../messages/ids.js';
import { MessageContext } from '../messages/context.js';
import type { HandlerMiddleware } from '../model/middleware.js';
import { signalled } from '../testing/runner-rig.test-support.js';
import { MiddlewareError, throughMiddleware } from './middleware-chain.js';

const event = {
  id: newId(),
  stream: 's',
  version: 0,
  position: 1n,
  type: 't',
  schemaVersion: 1,
  data: 1,
  metadata: {},
  recordedAt: new Date(0),
};

const plain = {
  kind: 'event',
  event,
  context: Object.assign(new MessageContext(), { processor: 'tested', event, attempt: 1 }),
} as const;

const through = (
  chain: readonly HandlerMiddleware[],
  handle: () => unknown = () => undefined,
): Promise<void> => throughMiddleware(chain, plain, handle);

describe('throughMiddleware', () => {
  it('stands around the handler, the first outermost, and hands on what is thrown', async () => {
    const seen: string[] = [];
    const noting =
      (name: string): HandlerMiddleware =>
      async (call, next) => {
        seen.push(`${name} before ${call.kind}`);
        try {
          await next();
        } finally {
          seen.push(`${name} after`);
        }
      };
    const failure = new Error('no');
    const handled = through([noting('outer'), noting('inner')], () => {
      seen.push('handler');
      throw failure;
    });
    await expect(handled).rejects.toBe(failure);
    expect(seen).toEqual([
      'outer before event',
      'inner before event',
      'handler',
      'inner after',
      'outer after',
    ]);
  });

  it('lets a middleware catch what the handler throws, and throw by itself', async () => {
    const failing = (): never => {
      throw new Error('no');
    };
    await through([async (_, next) => next().catch(() => undefined)], failing);
    let called = false;
    const refused = through([async () => Promise.reject(new Error('refused'))], () => {
      called = true;
    });
    await expect(refused).rejects.toThrow('refused');
    expect(called).toBe(false);
  });

  it('refuses a middleware that goes on twice, even if it hides that', async () => {
    let calls = 0;
    const twice: HandlerMiddleware = async (_, next) => {
      await next();
      await next().catch(() => undefined);
    };
    const handled = through([twice], () => {
      calls += 1;
    });
    await expect(handled).rejects.toThrow(MiddlewareError);
    await expect(handled).rejects.toThrow(/Middleware "twice" of processor "tested" called next\(\) twice/);
    expect(calls).toBe(1);
  });

  it('refuses one that does not go on, unless it leaves the handler out on purpose', async () => {
    let calls = 0;
    const handle = (): void => {
      calls += 1;
    };
    await expect(through([async (_, next) => next(), async () => {}], handle)).rejects.toThrow(
      /Middleware number 2 of processor "tested" returned without having called next\(\)/,
    );
    await through([async (_, next) => next(), async (call) => call.skip('seen before')], handle);
    expect(calls).toBe(0);
  });

  it('refuses to go on for one that has returned', async () => {
    let late: () => Promise<void> = async () => {};
    await through([
      async (call, next) => {
        late = next;
        call.skip('for the test');
      },
    ]);
    await expect(late()).rejects.toThrow(/called next\(\) after it had returned/);
  });

  it('waits for the handler where a middleware does not, and fails with it', async () => {
    const gate = signalled();
    const careless: HandlerMiddleware = async (_, next) => {
      void next().catch(() => undefined);
    };
    let isOver = false;
    const handled = through([careless], async () => {
      await gate.promise;
      throw new Error('late');
    }).finally(() => {
      isOver = true;
    });
    await Promise.resolve();
    expect(isOver).toBe(false);
    gate.resolve();
    await expect(handled).rejects.toThrow('late');
  });
});
