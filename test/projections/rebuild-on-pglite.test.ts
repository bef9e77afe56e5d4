import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { pglite } from '@tidemark/adapters/pglite';
import { type Application, type Backend, createApp } from '@tidemark/core';
import {
  documentProjection,
  type OnDocument,
  Projections,
  type RebuildProgress,
  RebuildStoppedError,
} from '@tidemark/projections';

interface Account {
  readonly balance: number;
  readonly owner?: string | undefined;
  readonly last: { readonly at: Date | string; readonly note?: string | undefined };
  readonly recent: readonly number[];
}

/** Everything that could differ from batch to batch: dates, fields that come and go, lists, odd text. */
const accounts = documentProjection({
  name: 'accounts',
  indexes: ['balance', 'owner'],
  handlers: (on: OnDocument<Account>) => [
    on(
      'moved',
      (data: { account: string; amount: number; note: string }, account, { event }) => ({
        ...account,
        balance: Math.round(((account?.balance ?? 0) + data.amount) * 100) / 100,
        owner: data.amount % 3 === 0 ? undefined : (account?.owner ?? `owner of ${data.account}`),
        last: { at: event.recordedAt, note: data.amount % 2 === 0 ? data.note : undefined },
        recent: [...(account?.recent ?? []), data.amount].slice(-5),
      }),
      { key: 'account' },
    ),
    on('closed', (data: { account: string }) => (data.account === '' ? undefined : null), { key: 'account' }),
  ],
});

const total = 100_000;
const notes = ['plain', 'a "quoted" ü', 'nul \u0000', 'lone \ud800', '🌊'];

/** The documents of a generation as the database holds them, byte for byte. */
const rawDocuments = async (backend: Backend, generation: number): Promise<string> =>
  backend.transaction(async (tx) => {
    const { rows } = await tx.query<{ name: string }>(
      `SELECT 'documents_' || id || CASE revision WHEN 0 THEN '' ELSE '_' || revision END AS name
         FROM tidemark.collections WHERE name = $1`,
      [`accounts@${generation}`],
    );
    const table = `tidemark.${rows[0]?.name}`;
    const documents = await tx.query<{ text: string }>(
      `SELECT key || ' ' || data::text AS text FROM ${table} ORDER BY key`,
    );
    return documents.rows.map(({ text }) => text).join('\n');
  });

describe('a rebuild over 100,000 events on PGlite', () => {
  const backend = pglite();
  let app: Application;
  let projections: Projections;

  beforeAll(async () => {
    app = createApp({ backend, register: [accounts] });
    await app.start();
    projections = app.get(Projections);
    let position = 0n;
    for (let first = 0; first < total; first += 2_000) {
      const events = Array.from({ length: 2_000 }, (_, offset) => {
        const index = first + offset;
        const account = `account-${(index * 7919) % 1_500}`;
        return index % 997 === 0
          ? { type: 'closed', data: { account } }
          : {
              type: 'moved',
              data: { account, amount: (index % 100) / 10, note: notes[index % notes.length] },
            };
      });
      ({ position } = await backend.events.append(`bank-${first}`, events));
    }
    await projections.waitFor(position, { timeoutMs: 120_000 });
  }, 180_000);

  afterAll(() => app.stop());

  it('is stopped, continued, and yields byte-identical documents', async () => {
    const before = await rawDocuments(backend, 1);
    expect(before.split('\n').length).toBeGreaterThan(1_000);

    const controller = new AbortController();
    const progress: RebuildProgress[] = [];
    const onProgress = (at: RebuildProgress): void => {
      progress.push(at);
      if (at.fraction > 0.4) controller.abort();
    };
    await expect(
      projections.rebuild(accounts, { onProgress, signal: controller.signal, batchSize: 1_234 }),
    ).rejects.toThrow(RebuildStoppedError);
    expect(projections.status(accounts)).toMatchObject({ active: { number: 1 }, building: { number: 2 } });
    const stoppedAt = progress.at(-1);
    expect(stoppedAt?.fraction).toBeLessThan(0.9);
    expect(stoppedAt?.ratePerSecond).toBeGreaterThan(0);
    expect(stoppedAt?.etaMs).toBeGreaterThan(0);

    const { continuedFrom, handled, generation } = await projections.rebuild(accounts);
    expect(generation).toBe(2);
    expect(continuedFrom).toBeGreaterThanOrEqual(BigInt(stoppedAt?.position ?? 0));
    expect(handled).toBeLessThan(total);
    expect(await rawDocuments(backend, 2)).toBe(before);

    const whole = await projections.rebuild(accounts);
    expect(whole).toMatchObject({ generation: 3, handled: total, continuedFrom: undefined });
    expect(await rawDocuments(backend, 3)).toBe(before);
  }, 180_000);
});
