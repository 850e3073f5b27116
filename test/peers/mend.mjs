// Mends two packages that import from Node what versions from 18 on do not all have, once they
// are installed. later.mjs supplies what they then find at run time. Hooks of the module loader
// would change no file, but wait for a thread of their own, and now and then for ever.
import { readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

// A namespace of Node's is closed; the object that it exports by default is not. Only tests of
// servers use globSync.
const MENDS = [
  {
    place: 'oidc-provider/lib',
    wrong: /^import \* as crypto from 'node:crypto';/m,
    right: `import crypto from 'node:crypto';`,
  },
  {
    place: '@modelcontextprotocol/conformance/dist/index.js',
    wrong: /\bglobSync as (\w+),([^}]*\}from"fs";)/,
    right: '$2import nodeFs from"fs";const $1=(...a)=>nodeFs.globSync(...a);',
  },
];

function files(path) {
  if (!statSync(path).isDirectory()) return [path];
  return readdirSync(path).flatMap((name) => files(join(path, name)));
}

for (const { place, wrong, right } of MENDS) {
  let mended = 0;
  for (const file of files(join('node_modules', place))) {
    const before = readFileSync(file, 'utf8');
    const after = before.replace(wrong, right);
    if (after === before) continue;
    writeFileSync(file, after);
    mended++;
  }
  if (mended === 0) throw new Error(`nothing to mend in ${place}`);
}
