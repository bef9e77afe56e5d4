import { beforeEach, describe, expect, it } from '@jest/globals';
import type { GroupConsumer, GroupDelivery } from '../backend/persistent-subscriptions.js';
import type { RecordedEvent } from '../messages/event.js';
import { Acknowledgements } from './acknowledgements.js';

const eventOf = (id: string): RecordedEvent => ({
  id,
  stream: 's',
  version: 0,
  position: 1n,
  type: 'counted',
  schemaVersion: 1,
  data: {},
  metadata: {},
  recordedAt: new Date(0),
});

const deliveryOf = (id: string, retries = 0): GroupDelivery => ({ id, retries, event: eventOf(id) });

/** A consumer that keeps what it was told. */
const consumer = () => {
  const told: string[] = [];
  const kept: GroupConsumer = {
    ack: (id) => void told.push(`ack ${id}`),
    nack: (id, action, reason) => void told.push(`${action} ${id}: ${reason}`),
    halt: () => undefined,
    close: async () => undefined,
    async *[Symbol.asyncIterator]() {
      yield [];
    },
  };
  return { told, kept };
};

describe('deliveries that are answered one by one', () => {
  const counts = { handled: 0, retried: 0, redelivered: 0, parked: 0, skipped: 0, compensated: 0 };
  let work: Acknowledgements;
  let first: ReturnType<typeof consumer>;

  beforeEach(() => {
    Object.assign(counts, { redelivered: 0, parked: 0 });
    work = new Acknowledgements(counts);
    first = consumer();
  });

  const take = (id: string, by: GroupConsumer, pieces = 1): number => {
    const delivery = deliveryOf(id);
    work.expect(delivery, by, delivery.event);
    return work.admit(1n, pieces, delivery.event);
  };

  it('one is acknowledged when all of its pieces are finished, and counts as in hand until then', () => {
    const ticket = take('a', first.kept, 2);
    expect([work.position, work.span]).toEqual([undefined, 1]);
    expect(work.begin(ticket)).toBe(true);
    expect(work.finish(ticket)).toBe(false);
    expect(first.told).toEqual([]);
    work.finish(ticket);
    expect(first.told).toEqual(['ack a']);
    expect(work.span).toBe(0);
  });

  it('one that is answered is answered once: its ticket does nothing more', () => {
    const ticket = take('a', first.kept);
    work.finish(ticket);
    expect([work.begin(ticket), work.finish(ticket)]).toEqual([false, false]);
    work.refuse(ticket, 'park', 'too late');
    expect(first.told).toEqual(['ack a']);
    expect(counts.parked).toBe(0);
  });

  it.each(['park', 'skip', 'retry'] as const)('one is refused by: %s', (refusal) => {
    const ticket = take('a', first.kept, 3);
    work.refuse(ticket, refusal, 'broken');
    expect(first.told).toEqual([`${refusal} a: broken`]);
    expect(counts.parked).toBe(refusal === 'park' ? 1 : 0);
    expect(work.finish(ticket)).toBe(false);
    expect(first.told).toHaveLength(1);
  });

  it('what is none of its deliveries has no ticket', () => {
    expect(work.admit(1n, 1)).toBe(0);
    expect(work.admit(1n, 1, eventOf('unknown'))).toBe(0);
    expect(work.begin(0)).toBe(false);
  });

  it('delivered again while a handler is at work on it, it is not handled twice: the end answers the new delivery', () => {
    const ticket = take('a', first.kept);
    work.begin(ticket);
    work.lost(first.kept);
    const second = consumer();
    expect(work.isInHand(deliveryOf('a', 1), second.kept)).toBe(true);
    expect(work.isInHand(deliveryOf('b'), second.kept)).toBe(false);
    expect(counts.redelivered).toBe(1);
    work.finish(ticket);
    expect([first.told, second.told]).toEqual([[], ['ack a']]);
  });

  it('behind a lost connection, what is at work answers nobody, and what had not begun is forgotten', () => {
    const [begun, refused, waiting] = ['a', 'b', 'c'].map((id) => take(id, first.kept));
    for (const ticket of [begun, refused]) work.begin(ticket ?? 0);
    const other = consumer();
    const elsewhere = take('d', other.kept);
    work.begin(elsewhere);
    work.lost(first.kept);
    expect(work.span).toBe(3);
    expect(work.begin(waiting ?? 0)).toBe(false);
    work.finish(begun ?? 0);
    work.refuse(refused ?? 0, 'park', 'broken');
    work.finish(elsewhere);
    expect(first.told).toEqual([]);
    expect(other.told).toEqual(['ack d']);
    expect(counts.parked).toBe(0);
  });

  it('an event that is no longer in hand gets no ticket, and when all is dropped nothing is answered', () => {
    const delivery = deliveryOf('a');
    work.expect(delivery, first.kept, delivery.event);
    work.dropUnstarted();
    expect(work.admit(1n, 1, delivery.event)).toBe(0);
    const ticket = take('b', first.kept);
    work.begin(ticket);
    work.dropAll();
    work.finish(ticket);
    expect([first.told, work.span]).toEqual([[], 0]);
  });
});
