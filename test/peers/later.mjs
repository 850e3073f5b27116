// What packages import from Node that versions from 18 on do not all have. Import this
// before them, and them with import().
import * as crypto from 'node:crypto';
import * as fs from 'node:fs';
import { register } from 'node:module';
import { File } from 'node:buffer';

globalThis.crypto ??= crypto.webcrypto;
globalThis.File ??= File;
URL.parse ??= (url, base) => (URL.canParse(url, base) ? new URL(url, base) : null);

// By module: the name, whether it is there, and the source of what takes its place.
const MISSING = [
  ['fs', 'globSync', fs, '() => { throw new Error("no globSync"); }'],
  ['crypto', 'hash', crypto,
    `(name, data, encoding = 'hex') => createHash(name).update(data).digest(encoding)`],
].filter(([, name, module]) => !Object.hasOwn(module, name));

const sources = Object.fromEntries(MISSING.map(([module, name, , source]) => [module,
  `import { createHash } from 'node:crypto';
   export * from 'node:${module}';
   export { default } from 'node:${module}';
   export const ${name} = ${source};`]));

// Node asks these before it looks for a module and reads it.
const hooks = `
const sources = ${JSON.stringify(sources)};
export function resolve(specifier, context, next) {
  const name = specifier.replace(/^node:/, '');
  const isPackage = context.parentURL?.includes('/node_modules/');
  if (!isPackage || !Object.hasOwn(sources, name)) return next(specifier, context);
  return { url: 'later:' + name, shortCircuit: true };
}
export function load(url, context, next) {
  const name = url.replace(/^later:/, '');
  if (name === url) return next(url, context);
  return { format: 'module', source: sources[name], shortCircuit: true };
}`;
if (MISSING.length > 0) register(`data:text/javascript,${encodeURIComponent(hooks)}`);
