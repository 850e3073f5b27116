// What packages expect of Node that versions from 18 on do not all have. Import this before
// them, and them with import(). What they import by name, mend.mjs has seen to.
import crypto from 'node:crypto';
import { File } from 'node:buffer';

globalThis.crypto ??= crypto.webcrypto;
globalThis.File ??= File;
URL.parse ??= (url, base) => (URL.canParse(url, base) ? new URL(url, base) : null);
crypto.hash ??= (name, data, encoding = 'hex') => {
  const digest = crypto.createHash(name).update(data);
  return encoding === 'buffer' ? digest.digest() : digest.digest(encoding);
};
