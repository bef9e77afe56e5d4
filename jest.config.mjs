import { readFileSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { transformSync } from '@swc/core';

/** The same output as the build's, but for the form of modules: decorators with their metadata. */
const swc = {
  swcrc: false,
  jsc: {
    parser: { syntax: 'typescript', decorators: true },
    transform: {
      legacyDecorator: true,
      decoratorMetadata: true,
      useDefineForClassFields: false,
      verbatimModuleSyntax: true,
    },
    keepClassNames: true,
    target: 'es2022',
  },
};

/**
 * The sources that hold code. A file of types alone compiles to nothing, so no test can ever load a
 * line of it, and the v8 provider would count each of its lines as missed.
 */
async function measured() {
  const files = await readdir(new URL('packages/', import.meta.url), { recursive: true });
  return files
    .filter((file) => /^[^/]+\/src\/.*\.ts$/.test(file) && !/\.test(-d|-support)?\.ts$/.test(file))
    .filter((file) => {
      const source = readFileSync(new URL(`packages/${file}`, import.meta.url), 'utf8');
      const { code } = transformSync(source, {
        ...swc,
        jsc: { ...swc.jsc, preserveAllComments: false },
        minify: true,
      });
      return code.replace(/export\s*\{\s*\};?/, '').trim() !== '';
    })
    .map((file) => `packages/${file}`);
}

/** One run for every package, the examples and what crosses them, straight from the sources. */
export default {
  testMatch: [
    '<rootDir>/packages/*/src/**/*.test.ts',
    '<rootDir>/test/**/*.test.ts',
    '<rootDir>/examples/*/src/**/*.test.ts',
  ],
  modulePathIgnorePatterns: ['<rootDir>/(packages|examples)/[^/]+/dist/'],
  extensionsToTreatAsEsm: ['.ts'],
  transform: { '\\.ts$': ['@swc/jest', swc] },
  moduleNameMapper: {
    // A workspace package is its source: no build before a test, and coverage counts the real lines.
    '^@tidemark/([^/]+)$': '<rootDir>/packages/$1/src/index.ts',
    '^@tidemark/([^/]+)/(.+)$': '<rootDir>/packages/$1/src/$2/index.ts',
    // Sources name the file that the compiler will write. Dependencies mean what they say.
    '^(\\.{1,2}/.*)\\.js$': ['$1.ts', '$1.js'],
  },
  // No test is about speed; a busy machine may take its time.
  testTimeout: 120_000,
  maxWorkers: 2,
  // Every file that opens PGlite leaves its WebAssembly memory behind in the worker.
  workerIdleMemoryLimit: '1500MB',
  coverageProvider: 'v8',
  coverageDirectory: 'coverage',
  coverageReporters: ['text-summary', 'lcov', 'json-summary'],
  collectCoverageFrom: process.argv.some((arg) => /^--(coverage|collectCoverage)/.test(arg))
    ? await measured()
    : [],
  coverageThreshold: { global: { lines: 90, branches: 90 } },
};
