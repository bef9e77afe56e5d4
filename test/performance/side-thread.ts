import { parentPort, workerData } from 'node:worker_threads';
import { benchmarkNamed } from './benchmarks.js';
import type { Side } from './harness.js';
import type { SideAnswer, SideChoice } from './side.js';

/** The program of a thread that {@link SideThread} starts. */
const choice = workerData as SideChoice;

const answer = async (work: () => Promise<number>): Promise<void> => {
  const reply: SideAnswer = await work().then(
    (rate) => ({ rate }),
    (error: unknown) => ({ error }),
  );
  parentPort?.postMessage(reply, []);
};

const run = async (side: Side | undefined, index: number): Promise<number> => {
  if (index === -1) {
    await side?.close?.();
    return 0;
  }
  const work = side?.runs[index];
  if (work === undefined)
    throw new Error(`${choice.benchmark} has no case ${index} in group ${choice.group}.`);
  return work();
};

let side: Side | undefined;

await answer(async () => {
  side = await benchmarkNamed(choice.benchmark)(choice.scale, choice.peers)[choice.group]?.[choice.side]();
  return 0;
});

parentPort?.on('message', (index: number) => void answer(() => run(side, index)));
