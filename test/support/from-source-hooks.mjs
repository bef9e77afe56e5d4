import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { transform } from '@swc/core';

const packages = new URL('../../packages/', import.meta.url);

/** A workspace package is its source, and a file named as the compiler's output is its source too. */
export async function resolve(specifier, context, next) {
  const [, name, path = ''] = /^@tidemark\/([^/]+)(\/.+)?$/.exec(specifier) ?? [];
  if (name !== undefined) {
    return { url: new URL(`${name}/src${path}/index.ts`, packages).href, shortCircuit: true };
  }
  if (/^\.{1,2}\/.*\.js$/.test(specifier) && context.parentURL?.endsWith('.ts')) {
    const source = new URL(specifier.replace(/\.js$/, '.ts'), context.parentURL);
    if (existsSync(source)) return { url: source.href, shortCircuit: true };
  }
  return next(specifier, context);
}

/** The same output as the build's. */
export async function load(url, context, next) {
  if (!url.startsWith('file:') || !url.endsWith('.ts')) return next(url, context);
  const { code } = await transform(await readFile(new URL(url), 'utf8'), {
    filename: fileURLToPath(url),
    sourceMaps: 'inline',
    swcrc: false,
    module: { type: 'es6' },
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
  });
  return { format: 'module', source: code, shortCircuit: true };
}
