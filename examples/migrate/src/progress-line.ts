import type { MigrationProgress } from '@tidemark/core';

/** A minute and a half as `1 min 30 s`. */
const duration = (milliseconds: number): string => {
  const seconds = Math.ceil(milliseconds / 1_000);
  return seconds < 60 ? `${seconds} s` : `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
};

const number = (value: number): string => Math.round(value).toLocaleString('en');

/** How far a migration is, in one line. */
export const progressLine = (progress: MigrationProgress): string => {
  const { phase, handled, total, written, fraction, ratePerSecond, etaMs } = progress;
  if (phase === 'verifying') return 'Verifying: reading both stores again and comparing them …';
  const counts = `${number(handled)}${total === undefined ? '' : ` of about ${number(total)}`} events, ${number(written)} written`;
  const rate = `${number(ratePerSecond)}/s`;
  if (phase === 'following')
    return `Following: ${counts}, ${rate}. Stop the writers, then press Ctrl-C once to finish.`;
  return `Copying: ${Math.floor(fraction * 100)} %, ${counts}, ${rate}${etaMs === undefined ? '' : `, ${duration(etaMs)} left`}`;
};
