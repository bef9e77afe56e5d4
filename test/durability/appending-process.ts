import { pglite } from '@tidemark/adapters/pglite';

/**
 * A process that is made to be killed: it appends to the folder given, event after event and some of them three at a time,
 * and prints the number of each append that was acknowledged.
 */
const [folder, first] = process.argv.slice(2);
const backend = pglite({ folder });
await backend.open();
for (let n = Number(first); ; n++) {
  const events = Array.from({ length: n % 3 === 0 ? 3 : 1 }, (_, part) => ({
    type: 'Counted',
    data: { n, part },
  }));
  await backend.events.append(`numbers-${n % 7}`, events);
  process.stdout.write(`${n}\n`);
}
