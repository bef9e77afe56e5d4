import 'reflect-metadata';
import { injectable, type ServiceIdentifier } from 'inversify';
import type { Class } from './definition.js';

/** A class whose instances handle messages. The application binds it in the container where the user has not. */
export interface HandlerClass {
  readonly class: Class;
  /** One instance for the application, or one for each message. */
  readonly scope: 'singleton' | 'message';
}

/**
 * Lets the container construct a class that the user has not marked by `@injectable()` already. To be called once all
 * of its decorators have run.
 */
export const makeInjectable = (type: Class): void => {
  if (!Reflect.hasOwnMetadata(injectableFlag, type)) injectable()(type);
};

/** The class as the container's token for its instances: inversify's type wants known constructor parameters. */
export const tokenOf = <Instance extends object>(type: Class<Instance>): ServiceIdentifier<Instance> =>
  type as ServiceIdentifier<Instance>;

/** The key by which inversify notes that `@injectable()` ran; a second run is an error there. */
const injectableFlag = '@inversifyjs/core/classIsInjectableFlagReflectKey';
