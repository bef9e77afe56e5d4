import { ConfigurationError } from '@tidemark/core';

/** The longest name that PostgreSQL keeps whole, in bytes. */
const longestName = 63;

/**
 * Quotes a name so that it means exactly itself in SQL.
 *
 * @throws {ConfigurationError} PostgreSQL would cut it off, or cannot hold it
 */
export const quoteIdentifier = (name: string, argument = 'schema'): string => {
  const bytes = Buffer.byteLength(name);
  if (bytes === 0 || bytes > longestName || name.includes('\0')) {
    throw new ConfigurationError(
      `${argument} must be a name of 1 to ${longestName} bytes without NUL characters, but "${name}" has ${bytes}.`,
    );
  }
  if (argument === 'schema' && /^pg_/i.test(name)) {
    throw new ConfigurationError(
      `schema "${name}" is reserved by PostgreSQL: choose one without "pg_" in front.`,
    );
  }
  return `"${name.replaceAll('"', '""')}"`;
};

/** Quotes text as a literal in SQL, whatever `standard_conforming_strings` says. */
export const quoteLiteral = (text: string): string =>
  `E'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
