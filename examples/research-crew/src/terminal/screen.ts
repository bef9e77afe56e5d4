import type { RecordedEvent } from '@tidemark/core';
import { createLogUpdate } from 'log-update';
import colors from 'picocolors';
import type { ResearchBoard } from '../board.js';
import { boardTable } from './board-table.js';
import { narrate } from './narration.js';
import { oneLine } from './one-line.js';

/** Where a person sees what the crew does. */
export interface Screen {
  /** True if it shows the board as it changes, for a person to watch. */
  readonly isLive: boolean;
  /** A line that stays. */
  say(line: string): void;
  /** Something happened. */
  show(events: readonly RecordedEvent[], board: ResearchBoard | undefined): void;
  /** Stops whatever moves, so that other lines can follow. */
  rest(): void;
}

/** One line for each event: for files, pipes and logs. */
export class PlainScreen implements Screen {
  readonly isLive = false;
  readonly #out: NodeJS.WritableStream;

  constructor(out: NodeJS.WritableStream) {
    this.#out = out;
  }

  say(line: string): void {
    this.#out.write(`${line}\n`);
  }

  show(events: readonly RecordedEvent[]): void {
    for (const event of events) {
      const { who, what, detail } = narrate(event);
      const time = event.recordedAt.toISOString().slice(11, 23);
      this.say(`  ${time}  ${who.padEnd(13)} ${what}${detail === '' ? '' : ` (${oneLine(detail)})`}`);
    }
  }

  rest(): void {}
}

const millisecondsPerFrame = 100;

/** The read model itself, redrawn in place while it changes: for terminals. */
export class LiveScreen implements Screen {
  readonly isLive = true;
  readonly #out: NodeJS.WriteStream;
  readonly #frame;
  #board: ResearchBoard | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(out: NodeJS.WriteStream) {
    this.#out = out;
    this.#frame = createLogUpdate(out);
  }

  say(line: string): void {
    this.rest();
    this.#out.write(`${line}\n`);
  }

  show(_: readonly RecordedEvent[], board: ResearchBoard | undefined): void {
    this.#board = board;
    // Drawn by the clock and not by the event: there may be thousands of events a second.
    this.#timer ??= setInterval(() => this.#draw(), millisecondsPerFrame);
  }

  rest(): void {
    if (this.#timer === undefined) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.#draw();
    this.#frame.done();
  }

  #draw(): void {
    if (this.#board === undefined) return;
    const atWork = this.#board.tasks.filter(({ state }) => state === 'at work').length;
    const status =
      atWork === 0 ? '' : colors.dim(`\n  ${atWork} at work; Ctrl-C stops, the next run goes on`);
    this.#frame([...boardTable(this.#board, new Date(), this.#out.columns), status].join('\n'));
  }
}
