import { describe, expect, it } from '@jest/globals';
import { Aggregate, Apply } from './aggregate.js';
import { CommandHandler } from './command-handler.js';
import type { Class } from './definition.js';
import { definitionsOf } from './definitions-of.js';
import { Event } from './message-decorators.js';
import { MissingTypeError } from './message-type.js';
import { On, Processor } from './processor.js';
import type { Schema as Forgotten } from '../schema/schema.js';

interface Shape {
  readonly a: number;
}

class Plain {}

const failure = (type: Class): Error => {
  try {
    definitionsOf(type);
  } catch (error) {
    if (error instanceof Error) return error;
  }
  throw new Error('it was accepted');
};

describe('the message of a handler', () => {
  it('pitfall 21: a type imported by `import type` is missed at registration, with the parameter and the mend', () => {
    @Processor({ name: 'mailer' })
    class Mailer {
      @On()
      send(forgotten: Forgotten) {
        return forgotten;
      }
    }
    const error = failure(Mailer);
    expect(error).toBeInstanceOf(MissingTypeError);
    expect(error).toMatchObject({
      className: 'Mailer',
      method: 'send',
      parameter: 0,
      parameterName: 'forgotten',
    });
    expect(error.message).toMatch(/@On\(\) on Mailer\.send \(.*message-type\.test\.ts:\d+:\d+\)/);
    expect(error.message).toContain('parameter 0 ("forgotten")');
    expect(error.message).toContain('@On(TheClass)');
    expect(error.message).toContain('import it by `import`');
    expect(error.message).toContain('emitDecoratorMetadata');
  });

  it('pitfall 21: so are interfaces, unions, built-in types and missing parameters, for every decorator', () => {
    @Aggregate({ name: 'a' })
    class WithInterface {
      @Apply() on(_shape: Shape) {}
    }
    @Aggregate({ name: 'b' })
    class WithUnion {
      @CommandHandler() on(_either: Plain | Shape) {}
    }
    class WithString {
      @CommandHandler() on(_text: string) {}
    }
    @Processor({ name: 'c' })
    class WithNothing {
      @On() on() {}
    }
    expect(failure(WithInterface).message).toContain('@Apply() on WithInterface.on');
    expect(failure(WithUnion)).toBeInstanceOf(MissingTypeError);
    expect(failure(WithString)).toBeInstanceOf(MissingTypeError);
    expect(failure(WithNothing).message).toContain('the method takes none');
  });

  it('pitfall 21: a compiler that emits no parameter types is named as the reason', () => {
    class Untyped {
      on(_event: Plain) {}
    }
    On()(Untyped.prototype, 'on');
    Processor({ name: 'x' })(Untyped);
    expect(failure(Untyped).message).toContain('the compiler emitted no parameter types');
    const Missing = class {};
    On()(Missing.prototype, 'nowhere');
    Processor({ name: 'y' })(Missing);
    expect(failure(Missing)).toMatchObject({ parameterName: undefined });
  });

  it('an explicit class needs no emitted type', () => {
    @Event({ name: 'seen' })
    class Seen {}
    @Processor({ name: 'z' })
    class Explicit {
      @On(Seen) on(_shape: Shape) {}
    }
    expect(definitionsOf(Explicit)).toMatchObject([{ types: ['seen'] }]);
  });

  it('a class that is not decorated, or not loaded yet, is refused', () => {
    @Processor({ name: 'x' })
    class OnPlain {
      @On() on(_plain: Plain) {}
    }
    const late: Class[] = [];
    @Processor({ name: 'y' })
    class OnLate {
      @On(...late, ...Array.from<Class>({ length: 1 })) on() {}
    }
    expect(failure(OnPlain).message).toMatch(
      /@On on OnPlain\.on .* takes Plain, which is no event: add @Event/,
    );
    expect(failure(OnLate).message).toContain('two modules import each other');
  });
});
