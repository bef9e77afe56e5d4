import {
  Aggregate,
  AggregateId,
  Apply,
  Command,
  CommandBus,
  CommandHandler,
  decider,
  Event,
  ItemType,
  Upcaster,
  upcaster,
  type CommandContext,
} from '@tidemark/core';
import { IsInt, IsNotEmpty, Min, ValidateNested } from 'class-validator';
import { injectable } from 'inversify';

// #region nested
export class Line {
  @IsNotEmpty() readonly item: string;
  @IsInt() @Min(1) readonly count: number;

  constructor(item: string, count: number) {
    this.item = item;
    this.count = count;
  }
}

@Command({ name: 'basket.fill' })
export class FillBasket {
  @AggregateId() readonly basketId: string;
  @ValidateNested({ each: true }) @ItemType(() => Line) readonly lines: readonly Line[];

  constructor(basketId: string, lines: readonly Line[]) {
    this.basketId = basketId;
    this.lines = lines;
  }
}
// #endregion nested

@Event({ name: 'basket.line-added' })
export class LineAdded {
  constructor(
    readonly basketId: string,
    readonly item: string,
    readonly count: number,
    readonly by: string,
  ) {}
}

// #region handlers
@Aggregate({ name: 'basket', snapshots: 100 })
export class Basket {
  @AggregateId() readonly basketId!: string; // Receives the aggregate's own id.
  private readonly counts: Record<string, number> = {};

  // A generator: one event after the other, appended together.
  @CommandHandler() *fill({ lines }: FillBasket, context: CommandContext) {
    for (const { item, count } of lines) {
      yield new LineAdded(this.basketId, item, count, context.userId ?? 'nobody');
    }
  }

  @Apply() added({ item, count }: LineAdded) {
    this.counts[item] = (this.counts[item] ?? 0) + count;
  }
}
// #endregion handlers

// #region decider
type CounterCommand = { type: 'counter.increase'; data: { counterId: string; by: number } };
type CounterEvent = { type: 'counter.increased'; data: { by: number } };

export const counter = decider({
  name: 'counter',
  commands: ['counter.increase'],
  initialState: () => ({ total: 0 }),
  decide({ data }: CounterCommand, state) {
    if (state.total + data.by > 100) throw new CounterFullError(state.total);
    return { type: 'counter.increased' as const, data: { by: data.by } };
  },
  evolve: (state, event: CounterEvent) => ({ total: state.total + event.data.by }),
  target: (command) => command.data.counterId,
  snapshots: { every: 100 },
});
// #endregion decider

// #region domain-error
export class CounterFullError extends Error {
  constructor(readonly total: number) {
    super(`The counter stands at ${total} and would pass 100.`);
  }
}
// #endregion domain-error

// #region upcasters
@Event({ name: 'person.registered', version: 3 })
export class PersonRegistered {
  constructor(
    readonly personId: string,
    readonly name: { readonly first: string; readonly last: string },
    readonly country: string,
  ) {}

  @Upcaster({ from: 1 }) static v1(old: { personId: string; fullName: string }) {
    const [first = '', ...rest] = old.fullName.split(' ');
    return { personId: old.personId, name: { first, last: rest.join(' ') } };
  }

  @Upcaster({ from: 2 }) static v2(old: { personId: string; name: { first: string; last: string } }) {
    return { ...old, country: 'unknown' };
  }
}
// #endregion upcasters

// #region split
@Event({ name: 'person.moved' })
export class PersonMoved {
  constructor(
    readonly personId: string,
    readonly city: string,
  ) {}
}

/** One old event became two, and one is no longer wanted. Register these with the application. */
export const upcasters = [
  upcaster({
    event: 'person.registered-with-city',
    from: 1,
    to: [
      { type: 'person.registered', version: 1 },
      { type: 'person.moved', version: 1 },
    ],
    upcast: ({ personId, fullName, city }: { personId: string; fullName: string; city: string }) => [
      { type: 'person.registered', version: 1, data: { personId, fullName } },
      { type: 'person.moved', version: 1, data: { personId, city } },
    ],
  }),
  upcaster({ event: 'person.poked', from: 1, to: [], upcast: () => [] }),
];
// #endregion split

@Command({ name: 'counters.increase-all' })
export class IncreaseAll {
  constructor(
    readonly counterIds: readonly string[],
    readonly by: number,
  ) {}
}

// #region across
/** Handles a command that belongs to no single aggregate. */
@injectable() // A class decorator has the compiler emit what the constructor takes.
export class Counters {
  constructor(private readonly commands: CommandBus) {}

  @CommandHandler() async increaseAll({ counterIds, by }: IncreaseAll): Promise<number> {
    for (const counterId of counterIds) {
      await this.commands.send({ type: 'counter.increase', data: { counterId, by } });
    }
    return counterIds.length; // The caller finds it as the result's `value`.
  }
}
// #endregion across
