import { postgres } from '@tidemark/adapters/postgres';

/** A process that archives a whole log, and prints a line for each batch. It is made to be killed. */
const [connectionString, schema] = process.argv.slice(2);

const backend = postgres({ connectionString, schema });
await backend.open();
await backend.archive({
  upTo: 2n ** 60n,
  batchSize: 20,
  onProgress: ({ position }) => {
    process.stdout.write(`${position}\n`);
  },
});
await backend.close();
