import { describe, expect, it } from '@jest/globals';
import { canonicalId, checkAppends, checkExpectedVersion } from './check-append.js';
import { checkName, checkStreamName } from './check-names.js';
import { checkReadAll, checkReadStream, checkStreamMetadata, checkSubscribe } from './check-read.js';
import { ConcurrencyError, InvalidArgumentError, StreamTombstonedError } from './errors.js';

const nameOf =
  (value: unknown): (() => void) =>
  () =>
    checkName(value as string, 'key', 10);

describe('the checks that all stores share', () => {
  it('let good names pass', () => {
    for (const name of ['a', 'x'.repeat(10), '😀', ' ', 'é/%_']) expect(nameOf(name)).not.toThrow();
  });

  it.each([
    ['not text', 7, 'key must be a string'],
    ['empty', '', 'key must have 1 to 10 characters, but has 0'],
    ['too long', 'x'.repeat(11), 'key must have 1 to 10 characters, but has 11'],
    ['with a NUL', 'a\0', 'key must be well-formed text'],
    ['with half a pair', '\uD83D', 'key must be well-formed text'],
  ])('refuse a name that is %s', (_, name, message) => {
    expect(nameOf(name)).toThrow(InvalidArgumentError);
    expect(nameOf(name)).toThrow(message);
  });

  it('keep stream names with $ for stores', () => {
    expect(() => checkStreamName('$all')).toThrow('stream must not start with "$"');
    expect(() => checkStreamName('a$')).not.toThrow();
  });

  it('name the culprit in an append to several streams by its path', () => {
    const good = { stream: 'a', events: [{ type: 'A', data: 1 }] };
    const bad = {
      stream: 'b',
      events: [
        { type: 'A', data: 1 },
        { id: 'x', type: 'A', data: 1 },
      ],
    };
    expect(() => checkAppends([good, bad])).toThrow('appends[1].events[1].id must be a UUID');
    expect(() => checkAppends([bad])).toThrow('events[1].id must be a UUID');
    expect(() => checkAppends([good, { ...good, stream: '' }])).toThrow(
      'appends[1].stream must have 1 to 500',
    );
  });

  it('know ids in any case, and give them in one', () => {
    expect(canonicalId('0198C0DE-AAAA-7BBB-8CCC-DDDDEEEEFFFF', 'id')).toBe(
      '0198c0de-aaaa-7bbb-8ccc-ddddeeeeffff',
    );
    expect(() => canonicalId('1', 'id')).toThrow(InvalidArgumentError);
  });

  it('refuse what is no expected version, also from callers without types', () => {
    for (const good of ['any', 'no-stream', 'stream-exists', -1, 0, 5] as const) {
      expect(() => checkExpectedVersion(good)).not.toThrow();
    }
    for (const bad of ['none', '1', null, Number.NaN, -2, 1.5]) {
      expect(() => checkExpectedVersion(bad as number)).toThrow(InvalidArgumentError);
    }
  });

  it('refuse options that make no sense', () => {
    expect(() => checkReadStream({ to: -1, from: 0, limit: 0, batchSize: 1 })).not.toThrow();
    expect(() => checkReadStream({ to: -2 })).toThrow('to must be an integer from -1, but is -2');
    expect(() => checkReadStream({ from: Number.NaN })).toThrow(InvalidArgumentError);
    expect(() => checkReadAll({ after: 0n, to: -5n })).not.toThrow();
    for (const key of ['after', 'to']) {
      expect(() => checkReadAll(JSON.parse(`{"${key}":5}`))).toThrow(`${key} must be a position`);
    }
    expect(() => checkSubscribe(JSON.parse('{"after":"5"}'))).toThrow('after must be a position');
    expect(() => checkSubscribe({ batchSize: 0 })).toThrow(InvalidArgumentError);
    expect(() =>
      checkStreamMetadata({ maxAge: 1, maxCount: 1, truncateBefore: 0, cacheControl: 0 }),
    ).not.toThrow();
    expect(() => checkStreamMetadata({ cacheControl: -1 })).toThrow('metadata.cacheControl');
  });
});

describe('errors of the log', () => {
  it('say what was expected and what was found', () => {
    expect(new ConcurrencyError('s', 3, 5).message).toBe(
      'Stream "s" was expected at version 3 but is at version 5. Load it again and decide anew.',
    );
    expect(new ConcurrencyError('s', 'stream-exists', undefined).message).toContain(
      '"stream-exists" but does not exist',
    );
    expect(new ConcurrencyError('s', 'any', 5, 'an-id').message).toContain(
      'Event an-id is in stream "s" already',
    );
    expect(new StreamTombstonedError('s').message).toContain('"s" was tombstoned');
  });
});
