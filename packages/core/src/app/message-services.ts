import { Container, type ServiceIdentifier } from 'inversify';
import { ConfigurationError } from '../error.js';
import { currentContext, MessageContext, type ServiceScope } from '../messages/context.js';

/** Binds what lives for one message: in this container, `inSingletonScope()` means once per message. */
export type MessageBindings = (container: Container) => void;

/**
 * Gives each message a scope of its own to resolve dependencies in.
 *
 * A container of its own costs some 50 µs, so a message gets one only if there are bindings for messages, and only when
 * something is asked for. Handlers of which there is one in the application skip it.
 */
export class MessageServices {
  readonly #container: Container;
  readonly #bindings: MessageBindings | undefined;
  readonly #singletons = new Map<unknown, unknown>();

  constructor(container: Container, bindings: MessageBindings | undefined) {
    this.#container = container;
    this.#bindings = bindings;
    container.bind(MessageContext).toDynamicValue(contextAtHand);
  }

  /**
   * Makes the one instance of a handler in the application. What it depends on must not belong to a message: it would
   * keep that of the first one for ever.
   *
   * @throws {ConfigurationError} a dependency is missing, or belongs to a message
   */
  makeSingleton(token: ServiceIdentifier): void {
    try {
      this.#singletons.set(token, this.#container.get(token));
    } catch (error) {
      throw new ConfigurationError(
        `${nameOf(token)} cannot be made: ${error instanceof Error ? error.message : String(error)}\n` +
          'Bind what it depends on in the container; and if that lives for one message, give the handler the scope "message".',
        { cause: error },
      );
    }
  }

  /** @param context gives the message's context, at the latest when something is resolved */
  scope(context: () => MessageContext): ServiceScope {
    let own: Container | undefined;
    return {
      get: <T>(token: ServiceIdentifier<T>): T => {
        if (this.#singletons.has(token)) return this.#singletons.get(token) as T;
        own ??= this.#open();
        const container = own;
        return context().run(() => container.get(token));
      },
    };
  }

  #open(): Container {
    if (this.#bindings === undefined) return this.#container;
    const container = new Container({ parent: this.#container });
    this.#bindings(container);
    return container;
  }
}

const contextAtHand = (): MessageContext => {
  const context = currentContext();
  if (context !== undefined) return context;
  throw new ConfigurationError(
    'A MessageContext is only there while a message is handled: inject it into handlers of scope "message", or take the context that every handler is called with.',
  );
};

const nameOf = (token: ServiceIdentifier): string =>
  typeof token === 'function' ? token.name : String(token);
