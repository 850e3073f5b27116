// What the peers have in common: options, the credential that each request must show,
// a listener on loopback and an end. It knows nothing of MCP, A2A and OAuth grants.
//
//   --auth none|bearer|api-key|basic|jwt|oauth   what is demanded (none)
//   --secret TEXT       the token, the key, or "user:password"
//   --header NAME       api-key: the one header that carries it
//   --introspect URL    jwt: where the token server says whether a token is good
//   --issuer URL        oauth: the authorization server
//   --scope "A B"       oauth: what a token must be good for
//   --metadata WHERE    oauth: the metadata that tells of the server is at the path of the
//                       peer and named in the challenge (challenge), or is there but not
//                       named (path), or is that of the whole origin and not named (root)
//   --port N            listen there (any free port)
//   --cert F --key F    speak TLS
//   --host NAME         the host in the URLs that the peer tells (127.0.0.1)
//   --stdin             end with the standard input, as a killed test would want
//
// GET /state tells the counts, to anybody.
import { webcrypto } from 'node:crypto';
import { readFileSync } from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import { parseArgs } from 'node:util';
import express from 'express';
import { METADATA, challenge, lacksScope, publish, read } from './oauth.mjs';

// The SDKs expect what Node 18 has, but not yet as a global.
globalThis.crypto ??= webcrypto;

export const text = { type: 'string' };
export const flag = { type: 'boolean', default: false };

const LISTENING = {
  port: { type: 'string', default: '0' },
  host: { type: 'string', default: '127.0.0.1' },
  cert: text,
  key: text,
  stdin: flag,
};
const DEMANDING = {
  auth: { type: 'string', default: 'none' },
  secret: text,
  header: text,
  introspect: text,
  issuer: text,
  scope: text,
  metadata: { type: 'string', default: METADATA[0] },
};

export const state = { requests: 0, refused: 0 };

const token = (request) => request.get('authorization')?.match(/^Bearer (\S+)$/)?.[1];

const ACCEPTS = {
  none: () => true,
  bearer: (request, { secret }) => token(request) === secret,
  'api-key': (request, { secret, header }) => {
    const shown = header ? [request.get(header)] : [token(request), request.get('x-adcp-auth')];
    const given = shown.filter((value) => value !== undefined);
    return given.length > 0 && given.every((value) => value === secret);
  },
  basic: (request, { secret }) =>
    request.get('authorization') === `Basic ${Buffer.from(secret).toString('base64')}`,
  jwt: async (request, { introspect }) => {
    if (!token(request)) return false;
    const body = new URLSearchParams({ token: token(request) });
    const answer = await fetch(introspect, { method: 'POST', body });
    return answer.ok && (await answer.json()).active === true;
  },
  oauth: async (request, options) => {
    const claims = token(request) && (await read(token(request), request, options));
    if (claims && lacksScope(claims, options)) request.lacksScope = true;
    return claims && !request.lacksScope;
  },
};

export function misused(reason) {
  console.error(reason);
  process.exit(2);
}

export function parse(options) {
  try {
    return parseArgs({ options: { ...LISTENING, ...options } }).values;
  } catch (problem) {
    return misused(problem.message);
  }
}

// For a peer that demands a credential.
export function parseAgent(options) {
  const values = parse({ ...DEMANDING, ...options });
  const needed = { none: [], jwt: ['introspect'], oauth: ['issuer'] }[values.auth] ?? ['secret'];
  if (!Object.hasOwn(ACCEPTS, values.auth)) misused(`no such --auth: ${values.auth}`);
  for (const name of needed) if (!values[name]) misused(`--auth ${values.auth} needs --${name}`);
  if (!METADATA.includes(values.metadata)) misused(`no such --metadata: ${values.metadata}`);
  return values;
}

function challengeOf(request, options) {
  if (options.auth !== 'oauth') return `${options.auth === 'basic' ? 'Basic' : 'Bearer'} realm="peer"`;
  const refused = token(request) ? 'invalid_token' : undefined;
  return challenge(request, options, request.lacksScope ? 'insufficient_scope' : refused);
}

// Lets nothing pass but what shows the credential or is for anybody.
export function guard(options, isPublic = () => false) {
  return async (request, response, next) => {
    state.requests++;
    if (isPublic(request) || (await ACCEPTS[options.auth](request, options))) return next();
    state.refused++;
    response.set('WWW-Authenticate', challengeOf(request, options));
    response.status(request.lacksScope ? 403 : 401);
    return response.json({ error: 'the credential is refused' });
  };
}

// An application that listens; ready() says so when its routes are there.
export async function start(options) {
  const app = express();
  app.disable('x-powered-by');
  app.get('/state', (request, response) => response.json(state));
  const tls = options.cert && { cert: readFileSync(options.cert), key: readFileSync(options.key) };
  const server = tls ? https.createServer(tls, app) : http.createServer(app);
  await new Promise((resolve) => server.listen(Number(options.port), '127.0.0.1', resolve));
  const origin = `${tls ? 'https' : 'http'}://${options.host}:${server.address().port}`;
  options.origin = origin;
  if (options.auth === 'oauth') publish(app, options);
  return { app, origin };
}

export function ready(url) {
  console.log(`listening ${url}`);
}

process.on('SIGTERM', () => process.exit(0));
if (process.argv.includes('--stdin')) process.stdin.resume().on('close', () => process.exit(0));
