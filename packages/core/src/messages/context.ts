import { AsyncLocalStorage } from 'node:async_hooks';
import type { Newable, ServiceIdentifier } from 'inversify';
import { newId } from './ids.js';
import { originKey, type Metadata } from './metadata.js';

/** Gives a handler what it depends on; scoped to one message, so what is bound for messages lives as long as it. */
export interface ServiceScope {
  /**
   * The instance bound to a token or class; the same one throughout the message where it is bound in its scope.
   *
   * @throws the container's error when nothing is bound, or an {Error} where there is no container at hand
   */
  get<T>(service: ServiceIdentifier<T> | Newable<T>): T;
}

/** What a {@link MessageContext} is made from. */
export interface MessageContextInit {
  /** Id of the message being handled: the cause of all that follows. Default: none. */
  readonly messageId?: string | undefined;
  /** True if that message is a recorded event. Default: false. */
  readonly isEvent?: boolean | undefined;
  /** Metadata of the message being handled. Default: none; a new correlation starts. */
  readonly metadata?: Metadata | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly isReplay?: boolean | undefined;
  /** Epoch of the lease under which the message is handled. Default: none. */
  readonly fencingToken?: number | undefined;
  readonly services?: ServiceScope | undefined;
}

const storage = new AsyncLocalStorage<MessageContext>();
const neverAborted = new AbortController().signal;
const noServices: ServiceScope = {
  get(service) {
    throw new Error(
      `No container is at hand to resolve ${String(service)}: it is only there inside a handler of an application.`,
    );
  },
};

/**
 * The surroundings of the message being handled. Every handler receives it, and code called from a handler
 * finds it by {@link currentContext}, however deep and however asynchronous.
 */
export class MessageContext {
  /** Id of the message being handled. */
  readonly messageId: string | undefined;
  /** True if that message is a recorded event. */
  readonly isEvent: boolean;
  /** Aborted when the work should stop: the application stops, or this node has lost the work to another. */
  readonly signal: AbortSignal;
  /** True while recorded events are being handled again: leave side effects out. */
  readonly isReplay: boolean;
  /**
   * Where several nodes share the work: a number that grows each time another one takes over the keys that this message belongs to.
   * Hand it to whatever is written to outside of the backend, and let that refuse a smaller one than it has seen, so that a node that
   * stood still and was replaced can do no harm. `undefined` where nobody else could have the work.
   */
  readonly fencingToken: number | undefined;
  /** Resolves dependencies in the scope of this message. */
  readonly services: ServiceScope;
  #metadata: Metadata;
  #outgoing: Metadata | undefined;

  constructor(init: MessageContextInit = {}) {
    this.messageId = init.messageId;
    this.isEvent = init.isEvent ?? false;
    this.signal = init.signal ?? neverAborted;
    this.isReplay = init.isReplay ?? false;
    this.fencingToken = init.fencingToken;
    this.services = init.services ?? noServices;
    this.#metadata = init.metadata ?? {};
  }

  /** Metadata of the message being handled, with what {@link set} changed. */
  get metadata(): Metadata {
    return this.#metadata;
  }

  /** The one id of everything that began with the same first message; `undefined` if the message has none. */
  get correlationId(): string | undefined {
    return this.#metadata.correlationId;
  }

  /** The person on whose behalf the message is handled; `undefined` if its metadata names none. */
  get userId(): string | undefined {
    return this.#metadata.userId;
  }

  /** The conversation or login that the message belongs to; `undefined` if its metadata names none. */
  get sessionId(): string | undefined {
    return this.#metadata.sessionId;
  }

  /** The agent that acts; `undefined` if the metadata names none. */
  get agentId(): string | undefined {
    return this.#metadata.agentId;
  }

  /** Sets one key for every message that is caused from here on. */
  set(key: string, value: unknown): void {
    this.#metadata = { ...this.#metadata, [key]: value };
    this.#outgoing = undefined;
  }

  /** Metadata for a message caused by the one being handled: the same, with this message as its cause. */
  outgoing(): Metadata {
    this.#outgoing ??= {
      ...this.#metadata,
      correlationId: this.#metadata.correlationId ?? this.messageId ?? newId(),
      causationId: this.messageId ?? this.#metadata.causationId,
      causingEventId: this.isEvent ? this.messageId : this.#metadata.causingEventId,
      ...(Object.hasOwn(this.#metadata, originKey) ? { [originKey]: undefined } : {}),
    };
    return this.#outgoing;
  }

  /** Runs `work` so that {@link currentContext} is this context in it and in all that it starts. */
  run<Result>(work: () => Result): Result {
    return storage.run(this, work);
  }
}

/** The context of the message being handled, or `undefined` outside of any handler. */
export const currentContext = (): MessageContext | undefined => storage.getStore();

/**
 * Metadata for a message sent here: that of the current context, with `extra` on top.
 * Outside of any handler, `extra` alone.
 */
export const outgoingMetadata = (extra?: Metadata): Metadata => {
  const flowing = currentContext()?.outgoing();
  if (flowing === undefined) return extra ?? {};
  return extra === undefined ? flowing : { ...flowing, ...extra };
};

/**
 * Runs `work` with metadata that flows into every command and event made in it: how an edge of the system
 * (an HTTP route, a scheduled job, an agent's loop) says who is acting and why.
 */
export const withMetadata = <Result>(metadata: Metadata, work: () => Result): Result => {
  const surrounding = currentContext();
  return new MessageContext({
    messageId: surrounding?.messageId,
    isEvent: surrounding?.isEvent,
    metadata: { ...surrounding?.metadata, ...metadata },
    signal: surrounding?.signal,
    isReplay: surrounding?.isReplay,
    services: surrounding?.services,
  }).run(work);
};
