/** The type `json` in PostgreSQL's catalogue. */
const jsonType = 114;

/**
 * An array of JSON in PostgreSQL's binary format (one dimension from 1, no nulls; each element its length and its bytes).
 * JSON is full of quotes, each of which an array in text escapes here and reads back there; this way nothing is touched.
 */
export const jsonArray = (values: readonly string[]): Uint8Array => {
  const sizes = values.map((value) => Buffer.byteLength(value));
  const bytes = sizes.reduce((sum, size) => sum + 4 + size, 20);
  const array = Buffer.allocUnsafe(bytes);
  let at = array.writeInt32BE(1, 0);
  at = array.writeInt32BE(0, at);
  at = array.writeInt32BE(jsonType, at);
  at = array.writeInt32BE(values.length, at);
  at = array.writeInt32BE(1, at);
  for (let index = 0; index < values.length; index++) {
    at = array.writeInt32BE(sizes[index] as number, at);
    at += array.write(values[index] as string, at, 'utf8');
  }
  return array;
};
