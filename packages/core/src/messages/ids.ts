import { v5, v7 } from 'uuid';

/** A new message id: UUID v7 (RFC 9562), so ids made later sort later and index well. */
export const newId = (): string => v7();

/**
 * The same id for the same name under the same parent, in every process and after every restart.
 * Retried work that names its messages so is recognised instead of being done twice.
 *
 * UUID v5 (RFC 9562, SHA-1 of parent and name).
 *
 * @param parent a UUID
 * @param name what the id is for, unique under the parent
 */
export const deterministicId = (parent: string, name: string): string => v5(name, parent);
