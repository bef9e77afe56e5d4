import type { persistent } from '../definitions.js';
import { compileFilter, type EventFilter, visibleInAll } from '../event-filter.js';
import { nameOf } from '../wire.js';

type CreateReq = InstanceType<typeof persistent.CreateReq>;
type UpdateReq = InstanceType<typeof persistent.UpdateReq>;
type CreateOptions = NonNullable<ReturnType<CreateReq['getOptions']>>;
type Settings = NonNullable<ReturnType<CreateOptions['getSettings']>>;
type UpdateSettings = NonNullable<
  ReturnType<NonNullable<ReturnType<UpdateReq['getOptions']>>['getSettings']>
>;

/** How events are shared out among consumers. */
export type StrategyName = 'DispatchToSingle' | 'RoundRobin' | 'Pinned' | 'PinnedByCorrelation';

/** How a group is set up. */
export interface GroupSettings {
  readonly startFrom: bigint | 'start' | 'end';
  readonly resolveLinks: boolean;
  readonly extraStatistics: boolean;
  readonly maxRetryCount: number;
  readonly messageTimeoutMs: number;
  readonly checkpointAfterMs: number;
  readonly minCheckpointCount: number;
  readonly maxCheckpointCount: number;
  /** 0 for any number. */
  readonly maxSubscriberCount: number;
  readonly liveBufferSize: number;
  readonly readBatchSize: number;
  readonly historyBufferSize: number;
  readonly strategy: StrategyName;
  readonly filter: EventFilter;
}

/** Which group a request is about. */
export interface GroupKey {
  /** A stream, or `$all`. */
  readonly source: string;
  readonly group: string;
}

const STRATEGIES: readonly StrategyName[] = ['DispatchToSingle', 'RoundRobin', 'Pinned'];

/** "From the end" in the field that today's clients still send for streams. */
const END_OF_STREAM = 18_446_744_073_709_551_615n;

/** What a create request asks for. */
export const created = (request: CreateReq): GroupKey & { readonly settings: GroupSettings } => {
  const { options, settings } = partsOf(request.getOptions());
  const all = options.getAll();
  const stream = options.getStream();
  const filter = all?.getFilter();
  const onStream = filter?.getStreamIdentifier();
  const expression = onStream ?? filter?.getEventType();
  const passes =
    expression === undefined
      ? visibleInAll
      : compileFilter({
          on: onStream === undefined ? 'type' : 'streamId',
          regex: expression.getRegex(),
          prefixes: expression.getPrefixList(),
        });
  const strategy = settings.getConsumerStrategy();
  return {
    source: sourceOf(options),
    group: options.getGroupName(),
    settings: {
      ...common(settings),
      startFrom: startOf(all, stream, settings.getRevision()),
      strategy: isStrategy(strategy) ? strategy : strategyAt(settings.getNamedConsumerStrategy()),
      filter: passes,
    },
  };
};

/** What an update request asks for; the filter stays as it was. */
export const updated = (
  request: UpdateReq,
): GroupKey & { readonly settings: Omit<GroupSettings, 'filter'> } => {
  const { options, settings } = partsOf(request.getOptions());
  return {
    source: sourceOf(options),
    group: options.getGroupName(),
    settings: {
      ...common(settings),
      startFrom: startOf(options.getAll(), options.getStream(), settings.getRevision()),
      strategy: strategyAt(settings.getNamedConsumerStrategy()),
    },
  };
};

interface Start {
  hasStart(): boolean;
  hasEnd(): boolean;
}

const startOf = (
  all: (Start & { getPosition(): { getCommitPosition(): string } | undefined }) | undefined,
  stream: (Start & { getRevision(): string }) | undefined,
  legacyRevision: string,
): bigint | 'start' | 'end' => {
  const where = all ?? stream;
  if (where?.hasStart() === true) return 'start';
  if (where?.hasEnd() === true) return 'end';
  const position = all?.getPosition();
  if (position !== undefined) return BigInt(position.getCommitPosition());
  const revision = BigInt(stream?.getRevision() ?? legacyRevision);
  return revision === END_OF_STREAM ? 'end' : revision;
};

const partsOf = <S, O>(options: (O & { getSettings(): S | undefined }) | undefined) => {
  const settings = options?.getSettings();
  if (options === undefined || settings === undefined) throw new Error('A group has settings.');
  return { options, settings };
};

const sourceOf = (options: {
  hasAll(): boolean;
  getStream(): { getStreamIdentifier(): Parameters<typeof nameOf>[0] } | undefined;
  getStreamIdentifier(): Parameters<typeof nameOf>[0];
}): string =>
  options.hasAll()
    ? '$all'
    : nameOf(options.getStream()?.getStreamIdentifier() ?? options.getStreamIdentifier());

const isStrategy = (name: string): name is StrategyName =>
  name === 'PinnedByCorrelation' || STRATEGIES.some((known) => known === name);

const strategyAt = (index: number): StrategyName => STRATEGIES[index] ?? 'RoundRobin';

const common = (settings: Settings | UpdateSettings) => ({
  resolveLinks: settings.getResolveLinks(),
  extraStatistics: settings.getExtraStatistics(),
  maxRetryCount: settings.getMaxRetryCount(),
  messageTimeoutMs: settings.getMessageTimeoutMs(),
  checkpointAfterMs: settings.getCheckpointAfterMs(),
  minCheckpointCount: settings.getMinCheckpointCount(),
  maxCheckpointCount: settings.getMaxCheckpointCount(),
  maxSubscriberCount: settings.getMaxSubscriberCount(),
  liveBufferSize: settings.getLiveBufferSize(),
  readBatchSize: settings.getReadBatchSize(),
  historyBufferSize: settings.getHistoryBufferSize(),
});
