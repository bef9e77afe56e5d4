import { pglite } from '@tidemark/adapters/pglite';
import { correlate, randomFrom, say } from './world.js';

/**
 * A process that is made to be killed: it appends to the folder given and correlates what is there, until nothing is open any
 * more. It prints a line when it is at work, and one when it is done.
 */
const [folder, seed, first, events] = process.argv.slice(2);
const backend = pglite({ folder });
const work = async (): Promise<void> => {
  process.stdout.write('at work\n');
  await say(backend, randomFrom(Number(seed)), Number(first), Number(events));
};
await correlate(backend, work, () => false);
process.stdout.write('done\n');
