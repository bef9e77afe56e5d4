import { shared, streams } from './definitions.js';
import { type EventRecord, originalOf, type ProposedEvent, type ResolvedEvent } from './event-record.js';

type StreamIdentifier = InstanceType<typeof shared.StreamIdentifier>;
type Uuid = InstanceType<typeof shared.UUID>;

/** .NET counts in 100 ns; the wire counts them from 1970. */
const TICKS_PER_MS = 10_000n;

/** The name in an identifier; none gives an empty name. */
export const nameOf = (identifier: StreamIdentifier | undefined): string =>
  Buffer.from(identifier?.getStreamName_asU8() ?? []).toString('utf8');

/** An identifier for a name. */
export const identifierOf = (streamId: string): StreamIdentifier =>
  new shared.StreamIdentifier().setStreamName(Buffer.from(streamId));

/** The text of a UUID, however it was sent. */
export const uuidOf = (uuid: Uuid | undefined): string => {
  const structured = uuid?.getStructured();
  if (structured === undefined) return uuid?.getString() ?? '';
  const hex = (bits: string): string => BigInt.asUintN(64, BigInt(bits)).toString(16).padStart(16, '0');
  const digits = hex(structured.getMostSignificantBits()) + hex(structured.getLeastSignificantBits());
  return digits.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
};

/** A message of an append, as both kinds of append send it. */
interface ProposedMessage {
  getId(): Uuid | undefined;
  getMetadataMap(): { get(key: string): string | undefined };
  getData_asU8(): Uint8Array;
  getCustomMetadata_asU8(): Uint8Array;
}

/** The event that a message proposes. */
export const proposedOf = (message: ProposedMessage): ProposedEvent => ({
  id: uuidOf(message.getId()),
  type: message.getMetadataMap().get('type') ?? '',
  isJson: message.getMetadataMap().get('content-type') === 'application/json',
  data: message.getData_asU8(),
  metadata: message.getCustomMetadata_asU8(),
});

/** What both services call a recorded event on the wire. */
interface RecordedEventMessage {
  setId(value?: Uuid): unknown;
  setStreamIdentifier(value?: StreamIdentifier): unknown;
  setStreamRevision(value: string): unknown;
  setPreparePosition(value: string): unknown;
  setCommitPosition(value: string): unknown;
  getMetadataMap(): { set(key: string, value: string): unknown };
  setCustomMetadata(value: Uint8Array): unknown;
  setData(value: Uint8Array): unknown;
}

/** Fills a message with an event. */
export const fillRecorded = <Message extends RecordedEventMessage>(
  message: Message,
  event: EventRecord,
): Message => {
  message.setId(new shared.UUID().setString(event.id));
  message.setStreamIdentifier(identifierOf(event.streamId));
  message.setStreamRevision(`${event.revision}`);
  message.setPreparePosition(`${event.position}`);
  message.setCommitPosition(`${event.position}`);
  const metadata = message.getMetadataMap();
  metadata.set('type', event.type);
  metadata.set('created', `${BigInt(event.created) * TICKS_PER_MS}`);
  metadata.set('content-type', event.isJson ? 'application/json' : 'application/octet-stream');
  message.setCustomMetadata(event.metadata);
  message.setData(event.data);
  return message;
};

/** The answer of a read that holds one event. */
export const eventResponse = (resolved: ResolvedEvent): InstanceType<typeof streams.ReadResp> => {
  const { ReadEvent } = streams.ReadResp;
  const message = new ReadEvent();
  if (resolved.event !== undefined) {
    message.setEvent(fillRecorded(new ReadEvent.RecordedEvent(), resolved.event));
  }
  if (resolved.link !== undefined) {
    message.setLink(fillRecorded(new ReadEvent.RecordedEvent(), resolved.link));
  }
  message.setCommitPosition(`${originalOf(resolved).position}`);
  return new streams.ReadResp().setEvent(message);
};
