/** A line that says how far it is, how fast, and how long it will take: for a person who waits. */
export const progressLine = (total: number) => {
  const started = performance.now();
  const { stderr } = process;
  return {
    show(done: number): void {
      const seconds = (performance.now() - started) / 1_000;
      const rate = done / seconds;
      const left = rate > 0 ? Math.max(total - done, 0) / rate : 0;
      const text =
        `${Math.min(100, (100 * done) / total).toFixed(1)} %  ${done} of ${total} events  ` +
        `${Math.round(rate)}/s  ${Math.ceil(left)} s left`;
      if (stderr.isTTY) stderr.write(`\r${text}\u001B[K`);
    },
    end(): void {
      if (stderr.isTTY) stderr.write('\n');
    },
  };
};
