import type { RecordedEvent } from '../messages/event.js';

/** An event whose left-out parts do not matter. */
export const eventAt = (position: bigint, parts: Partial<RecordedEvent> = {}): RecordedEvent => ({
  id: `00000000-0000-7000-8000-${position.toString(16).padStart(12, '0')}`,
  stream: 'order-1',
  version: Number(position) - 1,
  position,
  type: 'order.placed',
  schemaVersion: 1,
  data: {},
  metadata: {},
  recordedAt: new Date('2026-01-01T00:00:00Z'),
  ...parts,
});
