/** How long to wait before the n-th new attempt (from 0): doubled each time, with a random part, so that many do not come at once. */
export const backoffMs = (attempt: number): number => {
  const longest = Math.min(20 * 2 ** Math.min(attempt, 10), 2_000);
  return longest / 2 + (Math.random() * longest) / 2;
};
