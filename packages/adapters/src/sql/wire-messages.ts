import type { SqlParameter, SqlRow, SqlRows } from './driver.js';
import { SqlError } from './driver.js';

/*
 * PostgreSQL's frontend/backend protocol, version 3: the few messages that a prepared statement needs. PGlite's own query()
 * parses and plans each statement anew, in six calls of the database; one message with everything takes a quarter of that.
 */

const sync = Buffer.from([0x53, 0, 0, 0, 4]);
/** Execute the unnamed portal, all rows. */
const execute = Buffer.from([0x45, 0, 0, 0, 9, 0, 0, 0, 0, 0]);

const message = (type: string, bytes: number, write: (buffer: Buffer, offset: number) => void): Buffer => {
  const buffer = Buffer.allocUnsafe(5 + bytes);
  buffer.write(type, 0, 'latin1');
  buffer.writeInt32BE(4 + bytes, 1);
  write(buffer, 5);
  return buffer;
};

const parse = (name: string, text: string): Buffer => {
  const textBytes = Buffer.byteLength(text);
  return message('P', name.length + textBytes + 4, (buffer, start) => {
    let at = start + buffer.write(`${name}\0`, start, 'latin1');
    at += buffer.write(text, at, 'utf8');
    buffer.fill(0, at, at + 3);
  });
};

const closeStatement = (name: string): Buffer =>
  message('C', name.length + 2, (buffer, start) => buffer.write(`S${name}\0`, start, 'latin1'));

const sizeOf = (value: SqlParameter): number => {
  if (value === null) return -1;
  return typeof value === 'string' ? Buffer.byteLength(value) : value.length;
};

/** Binds parameters to the unnamed portal; the result comes as text. */
const bind = (name: string, parameters: readonly SqlParameter[]): Buffer => {
  const sizes = parameters.map(sizeOf);
  const bytes = sizes.reduce((sum, size) => sum + 6 + Math.max(size, 0), 0);
  return message('B', name.length + 8 + bytes, (buffer, start) => {
    let at = start + buffer.write(`\0${name}\0`, start, 'latin1');
    at = buffer.writeInt16BE(parameters.length, at);
    for (const value of parameters)
      at = buffer.writeInt16BE(typeof value === 'string' || value === null ? 0 : 1, at);
    at = buffer.writeInt16BE(parameters.length, at);
    for (let index = 0; index < parameters.length; index++) {
      const value = parameters[index];
      at = buffer.writeInt32BE(sizes[index] as number, at);
      if (typeof value === 'string') {
        at += buffer.write(value, at, 'utf8');
      } else if (value !== null && value !== undefined) {
        buffer.set(value, at);
        at += value.length;
      }
    }
    buffer.writeInt16BE(0, at);
  });
};

/** What runs a prepared statement once, and prepares it and gives up another one where that is asked for. */
export const statementMessage = (
  name: string,
  parameters: readonly SqlParameter[],
  prepare?: { readonly text: string; readonly discard: string | undefined },
): Uint8Array => {
  const parts = [bind(name, parameters), execute, sync];
  if (prepare !== undefined) {
    parts.unshift(parse(name, prepare.text));
    if (prepare.discard !== undefined) parts.unshift(closeStatement(prepare.discard));
  }
  return Buffer.concat(parts);
};

/** Several statements in one text, without parameters. */
export const scriptMessage = (text: string): Uint8Array =>
  message('Q', Buffer.byteLength(text) + 1, (buffer, start) => buffer.write(`${text}\0`, start, 'utf8'));

const dataRow = 0x44;
const commandComplete = 0x43;
const errorResponse = 0x45;

/**
 * Reads an answer.
 *
 * @throws {SqlError} the first error in it
 */
export const readAnswer = (answer: Buffer): SqlRows => {
  const rows: SqlRow[] = [];
  let affectedRows = 0;
  let at = 0;
  while (at < answer.length) {
    const type = answer[at];
    const end = at + 1 + answer.readInt32BE(at + 1);
    if (type === dataRow) rows.push(readRow(answer, at + 5));
    else if (type === commandComplete) affectedRows = affectedBy(answer.toString('latin1', at + 5, end - 1));
    else if (type === errorResponse) throw readError(answer, at + 5);
    at = end;
  }
  return { rows, affectedRows };
};

/** What the last statement of a script did, e.g. `ROLLBACK`; empty if none was completed. */
export const lastCommand = (answer: Buffer): string => {
  let command = '';
  for (let at = 0; at < answer.length; at += 1 + answer.readInt32BE(at + 1)) {
    if (answer[at] === commandComplete) {
      command = answer.toString('latin1', at + 5, at + answer.readInt32BE(at + 1));
    }
  }
  return command;
};

const readRow = (answer: Buffer, start: number): SqlRow => {
  const count = answer.readInt16BE(start);
  const row: (string | null)[] = [];
  let at = start + 2;
  for (let column = 0; column < count; column++) {
    const length = answer.readInt32BE(at);
    at += 4;
    if (length < 0) {
      row.push(null);
    } else {
      row.push(answer.toString('utf8', at, at + length));
      at += length;
    }
  }
  return row;
};

/** How many rows a command touched: its tag ends with the number of rows: `INSERT 0 3`, `UPDATE 2`. */
export const affectedBy = (tag: string): number =>
  /^(?:INSERT|UPDATE|DELETE|MERGE)\b/.test(tag) ? Number(tag.slice(tag.lastIndexOf(' ') + 1)) : 0;

const readError = (answer: Buffer, start: number): SqlError => {
  const fields = new Map<string, string>();
  let at = start;
  while (answer[at] !== 0) {
    const end = answer.indexOf(0, at);
    fields.set(answer.toString('latin1', at, at + 1), answer.toString('utf8', at + 1, end));
    at = end + 1;
  }
  return new SqlError(fields.get('M') ?? 'unknown error', fields.get('C') ?? '', fields.get('n'));
};
