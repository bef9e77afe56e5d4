import { quoteIdentifier } from './identifier.js';

/** How many bits of a reservation's key hold a position; the others tell the schemas of a database apart. */
const positionBits = 48n;

/**
 * 32-bit FNV-1a (Fowler, Noll, Vo), cut to 15 bits. Two schemas with the same value see each other's writers as their own:
 * readers then wait for those too, and miss nothing.
 */
const namespaceOf = (schema: string): bigint => {
  let hash = 0x811c9dc5;
  for (const byte of Buffer.from(schema)) hash = Math.imul(hash ^ byte, 0x01000193);
  return BigInt((hash >>> 0) & 0x7fff);
};

/** The schema that everything of one application lies in, and what SQL texts need of it. */
export class SchemaNames {
  readonly name: string;
  /** The name, quoted for SQL. */
  readonly quoted: string;
  readonly #namespace: string;

  /** @throws {ConfigurationError} PostgreSQL cannot have a schema of this name */
  constructor(name: string) {
    this.name = name;
    this.quoted = quoteIdentifier(name);
    this.#namespace = (namespaceOf(name) << positionBits).toString();
  }

  /**
   * Fills in `{schema}`, `{reservations}` (the upper bits of a reservation lock's key) and `{positions_mask}` (which bits
   * of it are the position). Inside of a quoted literal, `'{schema}.x'`, the schema's quotes are doubled.
   */
  fill(sql: string): string {
    const mask = (1n << positionBits) - 1n;
    // In one pass: the name may itself contain what is filled in.
    return sql.replaceAll(
      /('?)\{(schema|reservations|positions_mask)\}/g,
      (_, quote: string, what: string) => {
        switch (what) {
          case 'reservations':
            return `${quote}${this.#namespace}::bigint`;
          case 'positions_mask':
            return `${quote}${mask}::bigint`;
          default:
            return quote === '' ? this.quoted : `${quote}${this.quoted.replaceAll("'", "''")}`;
        }
      },
    );
  }
}
