import type { NewEvent } from '@tidemark/core';

/** The data of the events that are written and read: 199 bytes of JSON. */
export interface Sample {
  readonly orderId: string;
  readonly sku: string;
  readonly quantity: number;
  readonly price: number;
  readonly placedAt: string;
  readonly note: string;
}

/** The type of all of them. */
export const sampleType = 'order.line-added';

const uuid = (number: number): string => `00000000-0000-7000-8000-${String(number).padStart(12, '0')}`;

/** An event with 199 bytes of data and 138 bytes of metadata. */
export const sampleEvent = (number: number): NewEvent<typeof sampleType, Sample> => ({
  type: sampleType,
  data: {
    orderId: `order-${String(number).padStart(8, '0')}`,
    sku: 'SKU-4711-0815-blue',
    quantity: 1 + (number % 9),
    price: 19.95,
    placedAt: '2026-01-05T12:34:56.789Z',
    note: 'Leave it with the neighbours at No. 12, please, if nobody is at home.',
  },
  metadata: { correlationId: uuid(number), causationId: uuid(number + 1), agentId: 'agent-planner-01' },
});

/** So many events, numbered on from the first number. */
export const sampleEvents = (count: number, first = 0): readonly NewEvent<typeof sampleType, Sample>[] =>
  Array.from({ length: count }, (_, index) => sampleEvent(first + index));
