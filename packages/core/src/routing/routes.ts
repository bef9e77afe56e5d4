import type { Lifecycle } from '../app/composition.js';
import type { Clock } from '../clock.js';
import { ConfigurationError } from '../error.js';
import type { EventStore } from '../log/event-store.js';
import type { Priority } from '../model/handler-policy.js';
import type { Problems } from '../observation/problems.js';
import { describeMatch } from './describe-match.js';
import type { Route } from './route.js';
import type { LiveRoute, RoutingTable } from './routing-table.js';
import type { UnroutedCounter, UnroutedEvents } from './unrouted.js';

/** From where on a change of routes counts. */
export interface RouteChangeOptions {
  /**
   * The change counts for events behind this position that processors have not taken in yet. Default: the head of the log,
   * so that it counts from now on; `0n`: for all that is not taken in yet.
   */
  readonly after?: bigint | undefined;
}

/** A change of routes, in force. */
export interface RouteChange {
  /**
   * It counts for events behind this position, in every processor, however far behind it is; `undefined` while the application
   * does not run: for all events that are not handled yet.
   */
  readonly after: bigint | undefined;
}

/** A route as it stands in the table. */
export interface RouteStatus {
  /** Its name; for a processor's own route, that of the processor, a slash and its own. */
  readonly name: string;
  /** What it matches, in words. */
  readonly match: string;
  /** Names of the processors that it sends to; `undefined` if a function says so for each event. */
  readonly to: readonly string[] | undefined;
  readonly priority: Priority | 'by event' | undefined;
  /** True if it takes events from now on: it is switched on, and its condition holds. */
  readonly active: boolean;
  /** True if it is not switched off by hand. */
  readonly enabled: boolean;
  /** What its condition said last; `undefined` if it has none. */
  readonly condition: boolean | undefined;
  /** Processors that it names and that there are not, or not any more. */
  readonly missing: readonly string[];
  readonly definedAt: string;
}

export interface RoutesOptions {
  readonly table: RoutingTable;
  readonly store: EventStore;
  readonly clock: Clock;
  readonly problems: Problems;
  /** Counts what no route takes; left out where that is not wanted. */
  readonly counter: UnroutedCounter | undefined;
}

/** How often conditions of routes are asked, in milliseconds. */
const conditionIntervalMs = 1_000;

/**
 * The routes of an application. They can be changed while it runs; what is changed so is gone with the process, and other
 * processes do not learn of it: what is to last belongs into `routes` of `createApp`, or into a condition (`enabledWhen`) on
 * something that all of them see.
 */
export class Routes implements Lifecycle {
  readonly #options: RoutesOptions;
  /** Changes are made one after the other, in the order of the calls. */
  #turn: Promise<unknown> = Promise.resolve();
  #isRunning = false;
  #cancelTick: (() => void) | undefined;

  constructor(options: RoutesOptions) {
    this.#options = options;
  }

  /**
   * Adds a route behind all others.
   *
   * @throws {DuplicateNameError} there is one of that name
   * @throws {ConfigurationError} it names a processor that is not routed, or has no `to`
   */
  add(route: Route, options?: RouteChangeOptions): Promise<RouteChange> {
    const { table } = this.#options;
    return this.#change(options, (after) => {
      table.checkNew(route);
      table.checkTargets([route]);
      this.#ask(table.add(route, after), after);
      this.#tick();
    });
  }

  /**
   * Removes a route. What it has sent before is handled.
   *
   * @throws {ConfigurationError} there is none of that name
   */
  remove(name: string, options?: RouteChangeOptions): Promise<RouteChange> {
    const { table } = this.#options;
    return this.#change(options, (after) => table.remove(table.route(name), after));
  }

  /**
   * Switches a route on. It takes events if its condition holds too.
   *
   * @throws {ConfigurationError} there is none of that name
   */
  enable(name: string, options?: RouteChangeOptions): Promise<RouteChange> {
    const { table } = this.#options;
    return this.#change(options, (after) => table.switch(table.route(name), { isEnabled: true }, after));
  }

  /**
   * Switches a route off. What it has sent before is handled; what comes while it is off, it does not take later either.
   *
   * @throws {ConfigurationError} there is none of that name
   */
  disable(name: string, options?: RouteChangeOptions): Promise<RouteChange> {
    const { table } = this.#options;
    return this.#change(options, (after) => table.switch(table.route(name), { isEnabled: false }, after));
  }

  /** Asks the conditions of all routes now. Settles when what they say counts. */
  async refresh(): Promise<void> {
    if (!this.#conditional().some((live) => this.#answerOf(live) !== live.isWanted)) return;
    await this.#change({}, (after) => {
      for (const live of this.#conditional()) this.#ask(live, after);
    });
  }

  /** All routes, in their order. */
  list(): readonly RouteStatus[] {
    return this.#options.table.routes.map((live) => this.#statusOf(live));
  }

  /** How many events no route took since the application started; `undefined` if they are not counted. */
  unrouted(): UnroutedEvents | undefined {
    return this.#options.counter?.counts();
  }

  /** Called by the application before its processors start. */
  async start(): Promise<void> {
    for (const live of this.#conditional()) this.#ask(live, undefined);
    this.#isRunning = true;
    this.#tick();
    await this.#options.counter?.start();
  }

  /** Called by the application when its processors have stopped. */
  async stop(): Promise<void> {
    this.#isRunning = false;
    this.#cancelTick?.();
    this.#cancelTick = undefined;
    await this.#turn;
    await this.#options.counter?.stop();
  }

  /** Asks the conditions again and again, while there are any. */
  #tick(): void {
    const { clock, problems } = this.#options;
    if (!this.#isRunning || this.#cancelTick !== undefined || this.#conditional().length === 0) return;
    this.#cancelTick = clock.after(
      conditionIntervalMs,
      () => {
        this.#cancelTick = undefined;
        const refreshing = 'switching routes by their conditions';
        void this.refresh()
          .then(
            () => problems.resolve(refreshing),
            (error: unknown) => problems.report(refreshing, error),
          )
          .finally(() => this.#tick());
      },
      { unref: true },
    );
  }

  /** @param work makes the change, in one turn, so that it lies between two questions of any reader */
  #change(
    options: RouteChangeOptions | undefined,
    work: (after: bigint | undefined) => void,
  ): Promise<RouteChange> {
    const { after: given } = options ?? {};
    if (given !== undefined && typeof given !== 'bigint') {
      return Promise.reject(new ConfigurationError('"after" must be a position, which is a bigint.'));
    }
    const changing = this.#turn.then(async () => {
      const head = given === undefined && this.#isRunning ? await this.#options.store.head() : undefined;
      // A reader may have gone further since the head was read: what it has asked for is decided.
      const after = given ?? latest(head, this.#options.table.reached);
      work(after);
      return { after };
    });
    this.#turn = changing.catch(() => undefined);
    return changing;
  }

  #conditional(): readonly LiveRoute[] {
    return this.#options.table.routes.filter(({ route }) => route.options.enabledWhen !== undefined);
  }

  #ask(live: LiveRoute, after: bigint | undefined): void {
    const isWanted = this.#answerOf(live);
    if (isWanted !== live.isWanted) this.#options.table.switch(live, { isWanted }, after);
  }

  /** What the condition says; if it cannot say, what it said last. */
  #answerOf({ name, route, isWanted }: LiveRoute): boolean {
    const { enabledWhen } = route.options;
    if (enabledWhen === undefined) return true;
    const { problems } = this.#options;
    const asking = `"enabledWhen" of route "${name}" (${route.definedAt})`;
    try {
      const answer: unknown = enabledWhen();
      if (typeof answer !== 'boolean') throw new ConfigurationError('It must give true or false.');
      problems.resolve(asking);
      return answer;
    } catch (error) {
      problems.report(asking, error);
      return isWanted;
    }
  }

  #statusOf({ name, route, owner, isEnabled, isWanted }: LiveRoute): RouteStatus {
    const { options, definedAt } = route;
    const to = owner === undefined ? route.targets : [owner];
    return {
      name,
      match: describeMatch(options),
      to: typeof options.to === 'function' ? undefined : to,
      priority: typeof options.priority === 'function' ? 'by event' : options.priority,
      active: isEnabled && isWanted,
      enabled: isEnabled,
      condition: options.enabledWhen === undefined ? undefined : isWanted,
      missing: (to ?? []).filter((processor) => !this.#options.table.isRouted(processor)),
      definedAt,
    };
  }
}

/** `undefined` if the first is: nothing runs. */
const latest = (head: bigint | undefined, reached: bigint | undefined): bigint | undefined =>
  head === undefined || reached === undefined || reached < head ? head : reached;
