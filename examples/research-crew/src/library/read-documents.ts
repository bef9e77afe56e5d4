import { createHash } from 'node:crypto';
import { lstat, readdir, readFile, stat } from 'node:fs/promises';
import { basename, extname, join, relative, resolve, sep } from 'node:path';

/** Where the documents are. */
export interface Shelf {
  readonly folder: string;
  /** Only these files and folders below it. Default: all. */
  readonly only?: readonly string[] | undefined;
}

export interface Document {
  /** Path below the shelf's folder, with `/`. */
  readonly name: string;
  readonly text: string;
}

/** A file that is there and was not read. */
export interface PassedOver {
  readonly name: string;
  readonly reason: string;
}

export interface Documents {
  /** By name. */
  readonly documents: readonly Document[];
  readonly passedOver: readonly PassedOver[];
  /** SHA-256 of all that was read: the same documents always have the same one. */
  readonly digest: string;
}

/** There is nothing to read; the message says why. */
export class NoDocumentsError extends Error {
  override readonly name = 'NoDocumentsError';
}

const kinds = new Set(['.md', '.markdown', '.txt', '.rst', '.adoc', '.text']);
const foldersWithoutDocuments = new Set(['node_modules', 'dist', 'out']);
const mostBytes = 5 * 1024 * 1024;

/**
 * Reads every document of a shelf, at any depth. What cannot be read is passed over, with the reason, and the rest goes on.
 *
 * @throws {NoDocumentsError} there is no such folder, or not one document in it
 */
export const readDocuments = async (shelf: Shelf): Promise<Documents> => {
  const folder = resolve(shelf.folder);
  const found = await isFolder(folder);
  if (found === undefined) throw new NoDocumentsError(`There is no folder ${folder}.`);
  if (!found) throw new NoDocumentsError(`${folder} is a file; give the folder that it is in.`);

  const passedOver: PassedOver[] = [];
  const passOver = (path: string, reason: string): void => {
    passedOver.push({ name: nameOf(folder, path), reason });
  };
  const documents: Document[] = [];
  const otherKinds: string[] = [];
  for (const start of shelf.only ?? ['.']) {
    for await (const path of filesBelow(join(folder, start), passOver)) {
      if (!kinds.has(extname(path).toLowerCase())) {
        otherKinds.push(basename(path));
        continue;
      }
      const text = await readText(path).catch((error: unknown) => ({ unread: reasonOf(error) }));
      if (typeof text === 'string') documents.push({ name: nameOf(folder, path), text });
      else passOver(path, text.unread);
    }
  }
  // Whoever names what is to be read knows what else there is.
  if (otherKinds.length > 0 && shelf.only === undefined) {
    // One line for all: in a folder of programs there may be thousands.
    const examples = otherKinds.slice(0, 3).join(', ');
    passedOver.push({
      name:
        otherKinds.length === 1
          ? examples
          : `${otherKinds.length} files (${examples}${otherKinds.length > 3 ? ', …' : ''})`,
      reason: `of another kind than ${[...kinds].join(', ')}`,
    });
  }
  if (documents.length === 0) {
    throw new NoDocumentsError(
      passedOver.length === 0
        ? `${folder} is empty: put some documents there (${[...kinds].join(', ')}).`
        : `No file in ${folder} can be read as a document:\n${passedOver.map(({ name, reason }) => `  ${name}: ${reason}`).join('\n')}`,
    );
  }
  documents.sort((one, other) => (one.name < other.name ? -1 : 1));
  return { documents, passedOver, digest: digestOf(documents) };
};

async function* filesBelow(
  path: string,
  passOver: (path: string, reason: string) => void,
): AsyncGenerator<string> {
  let found;
  try {
    found = await stat(path);
    if (found.isFile()) yield path;
    else if (!found.isDirectory()) passOver(path, 'is no ordinary file');
    else {
      const entries = await readdir(path, { withFileTypes: true });
      for (const entry of entries.toSorted((one, other) => (one.name < other.name ? -1 : 1))) {
        if (entry.name.startsWith('.') || foldersWithoutDocuments.has(entry.name)) continue;
        const below = join(path, entry.name);
        if (entry.isSymbolicLink() && (await isFolder(below))) {
          // It may lead in a circle.
          passOver(below, 'is a link to a folder');
        } else yield* filesBelow(below, passOver);
      }
    }
  } catch (error) {
    // A part of the default shelf may be missing; a link to nothing is told.
    if (found !== undefined || codeOf(error) !== 'ENOENT' || (await isLink(path)))
      passOver(path, reasonOf(error));
  }
}

/** `undefined` if there is nothing. */
const isFolder = (path: string): Promise<boolean | undefined> =>
  stat(path).then(
    (found) => found.isDirectory(),
    () => undefined,
  );

const isLink = (path: string): Promise<boolean> =>
  lstat(path).then(
    (found) => found.isSymbolicLink(),
    () => false,
  );

const readText = async (path: string): Promise<string | { readonly unread: string }> => {
  const { size } = await stat(path);
  if (size > mostBytes) {
    return {
      unread: `is too large (${Math.ceil(size / 1024 / 1024)} MB; at most ${mostBytes / 1024 / 1024})`,
    };
  }
  const bytes = await readFile(path);
  if (bytes.includes(0)) return { unread: 'is binary' };
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return { unread: 'is not text in UTF-8' };
  }
};

const nameOf = (folder: string, path: string): string => relative(folder, path).split(sep).join('/');

const reasonOf = (error: unknown): string => {
  switch (codeOf(error)) {
    case 'EACCES':
    case 'EPERM':
      return 'may not be read (no permission)';
    case 'ENOENT':
      return 'is a link to nothing';
    default:
      return `cannot be read (${error instanceof Error ? error.message : String(error)})`;
  }
};

const codeOf = (error: unknown): unknown =>
  typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined;

const digestOf = (documents: readonly Document[]): string => {
  const hash = createHash('sha256');
  for (const { name, text } of documents) hash.update(JSON.stringify([name, text]));
  return hash.digest('hex');
};
