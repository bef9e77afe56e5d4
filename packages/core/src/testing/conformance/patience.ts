/**
 * The promise's outcome, if it comes in time: what never comes must fail by name, not hang the test.
 *
 * @param what did not come, for the error
 */
export const within = async <Result>(
  milliseconds: number,
  promise: Promise<Result>,
  what: string,
): Promise<Result> => {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => reject(new Error(`${what} did not come within ${milliseconds} ms`)),
      milliseconds,
    );
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
};
