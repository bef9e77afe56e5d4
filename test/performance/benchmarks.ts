import { append } from './append.js';
import { correlation } from './correlation.js';
import { dispatch } from './dispatch.js';
import { engine } from './engine.js';
import type { Benchmark } from './harness.js';
import { live } from './live.js';
import { memory } from './memory.js';
import { ordering } from './ordering.js';
import { processing } from './processing.js';
import { read } from './read.js';
import { redis } from './redis.js';
import { routing } from './routing.js';

const benchmarks: ReadonlyMap<string, Benchmark> = new Map([
  ['append', append],
  ['read', read],
  ['process', processing],
  ['dispatch', dispatch],
  ['engine', engine],
  ['routing', routing],
  ['correlation', correlation],
  ['live', live],
  ['ordering', ordering],
  ['redis', redis],
  ['memory', memory],
]);

/** The names of all benchmarks. */
export const benchmarkNames: readonly string[] = [...benchmarks.keys()];

/** @throws {Error} there is none of that name; it says which there are */
export const benchmarkNamed = (name: string): Benchmark => {
  const benchmark = benchmarks.get(name);
  if (benchmark === undefined) {
    throw new Error(`There is no benchmark "${name}". There are: ${benchmarkNames.join(', ')}.`);
  }
  return benchmark;
};
