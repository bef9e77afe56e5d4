import type { SqlBackend } from '@tidemark/adapters/postgres';

/**
 * The same backend, with its log archived as far as it can be after each append, so that whatever is read is in part, and
 * mostly, archived.
 */
export const archivingBackend = (backend: SqlBackend): SqlBackend => {
  const archive = async (): Promise<void> => {
    await backend.archive({ olderThanMs: 0, upTo: 2n ** 62n });
  };
  const { append, appendAll } = backend.events;
  Object.assign(backend.events, {
    async append(...args: Parameters<typeof append>) {
      const result = await append.apply(backend.events, args);
      await archive();
      return result;
    },
    async appendAll(...args: Parameters<typeof appendAll>) {
      const results = await appendAll.apply(backend.events, args);
      await archive();
      return results;
    },
  });
  return backend;
};
