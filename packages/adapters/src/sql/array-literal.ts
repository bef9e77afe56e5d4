const special = /["\\]/;

/** Text as an element of an array, in double quotes. */
const element = (text: string): string =>
  special.test(text) ? `"${text.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"` : `"${text}"`;

/** An array of text, uuid or json as PostgreSQL reads it. `null` elements are SQL nulls. */
export const textArray = (values: readonly (string | null)[]): string => {
  let literal = '{';
  for (let index = 0; index < values.length; index++) {
    const value = values[index];
    if (index > 0) literal += ',';
    literal += value === null || value === undefined ? 'NULL' : element(value);
  }
  return `${literal}}`;
};

/** An array of numbers or of booleans as PostgreSQL reads it. */
export const plainArray = (values: readonly (number | bigint | boolean)[]): string => `{${values.join(',')}}`;

/** As {@link plainArray}; elements that are left out are SQL nulls. */
export const sparseArray = (values: readonly (number | bigint | undefined)[]): string =>
  `{${values.map((value) => value ?? 'NULL').join(',')}}`;
