/** The number of consumers ever made. */
let made = 0;

/** A name that no consumer has had, so that it begins at the beginning; also the name of a table. */
export const newName = (): string => {
  made += 1;
  return `consumer_${made}`;
};

/** Events that come in one batch, and rows in one page of the bare reader. */
export const pageSize = 1_000;
