import { checkName } from '../log/check-names.js';
import { checkReadAll } from '../log/check-read.js';
import { MigrationError } from './errors.js';
import type { MigrationOptions } from './migration-options.js';
import { Migration } from './migration.js';

/**
 * Copies the events of one store into another, or into other streams of the same, transforming them on the way.
 *
 * - **Order and ids are kept.** Events stand in the target in the order of the source, under their own ids. Where each came
 *   from, and when it was recorded there, is in its metadata under the reserved key `$origin` ({@link EventOrigin}), since
 *   `recordedAt`, `version` and `position` are given by the target. The key does not flow on to what such events cause.
 * - **It can be cut off at any moment** and run again with the same name and options: it goes on where it ended, and writes
 *   nothing twice. How far it is, the target's checkpoints say, as `migration:<name>`.
 * - **It proves what it did.** At the end the source is read and transformed again, and compared with the target by counts
 *   and digests of every stream and of the whole.
 * - **Cut-over:** with `follow: true` it goes on copying what comes, and verifies meanwhile. Stop the writers, call
 *   {@link Migration.finish}, and start them on the target when it resolves.
 * - **Within one store** (`from` is `to.events`), it makes new streams of old ones: rename the streams, then let the
 *   application use the new names: streams are named after their aggregate. The old streams stay until they are deleted.
 *
 * The whole log is copied: events that stream settings or a soft delete hide from readers of their stream too. Settings and
 * deletions themselves are not events, and are not copied: set them on the target before the switch.
 *
 * It begins at once.
 *
 * @throws {MigrationError} what is asked for cannot be done: within one store and without new names
 * @throws {InvalidArgumentError} a bad name, position or batch size
 *
 * @example
 * ```ts
 * const { verification } = await migrate({ name: 'to-postgres', from: old.events, to: next, schema }).done;
 * ```
 */
export const migrate = (options: MigrationOptions): Migration => {
  const { name, from, to, rename, map, into, until, batchSize } = options;
  checkName(name, 'name', 100);
  checkReadAll({ to: until, batchSize });
  if (from === to.events) {
    if (rename?.streams === undefined && map === undefined) {
      throw new MigrationError(
        name,
        'from and to are the same store, and streams keep their names: events would be copied into their own streams. ' +
          'Rename the streams, or migrate into another store.',
      );
    }
    if (into === 'empty') {
      throw new MigrationError(
        name,
        'from and to are the same store, so the target cannot be empty: leave "into" out.',
      );
    }
  }
  return new Migration(options);
};
