import { createInterface } from 'node:readline/promises';

/**
 * Asks a person on the terminal until the answer is yes or no.
 *
 * @param signal ends the question; then, and at the end of the input, the answer is `undefined`
 * @param interrupt called on Ctrl-C, which a terminal that is being read gives to its reader
 */
export const ask = async (
  question: string,
  signal: AbortSignal,
  interrupt: () => void,
): Promise<'yes' | 'no' | undefined> => {
  const terminal = createInterface({ input: process.stdin, output: process.stdout });
  terminal.on('SIGINT', interrupt);
  const over = new AbortController();
  terminal.on('close', () => over.abort());
  try {
    for (;;) {
      const text = await terminal.question(`${question} [y/n] `, {
        signal: AbortSignal.any([signal, over.signal]),
      });
      if (/^\s*y(es)?\s*$/i.test(text)) return 'yes';
      if (/^\s*no?\s*$/i.test(text)) return 'no';
    }
  } catch (error) {
    if (signal.aborted || over.signal.aborted) return undefined;
    throw error;
  } finally {
    terminal.close();
  }
};
