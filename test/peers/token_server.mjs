// An OAuth token endpoint for RFC 7523 §2.2: client_credentials, the client known by an
// assertion that jose verifies. Access tokens are opaque. It believes nothing that a
// stricter server would refuse. The options, besides --port and the like of peer.mjs:
//
//   --trust ALG:KID:FILE   a public key, PEM or JWK, for ES256 or RS256; may be repeated
//   --issuer TEXT --subject TEXT   who the assertion must be from and for
//   --audience URL         whom it must be for (the URL of the endpoint)
//   --scope "A B"          what may be asked for
//   --lifetime SECONDS     how long an access token is good (3600)
//   --no-expires-in        do not tell that
//
// POST /introspect (RFC 7662) says whether a token is good. It asks for no credential,
// as only loopback reaches it and it says nothing to those who have no token.
import { flag, misused, parse, ready, start, state, text } from './peer.mjs';
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import express from 'express';
import { importJWK, importSPKI, jwtVerify } from 'jose';

const ASSERTION = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';
const ALGORITHMS = ['ES256', 'RS256'];
const LONGEST = 3600; // seconds between an assertion's iat and exp
const PARAMETERS = ['grant_type', 'client_assertion_type', 'client_assertion', 'scope'];

const options = parse({
  trust: { type: 'string', multiple: true, default: [] },
  issuer: text,
  subject: text,
  audience: text,
  scope: text,
  lifetime: { type: 'string', default: '3600' },
  'no-expires-in': flag,
});
for (const name of ['issuer', 'subject', 'scope']) if (!options[name]) misused(`--${name} is needed`);

class Refusal extends Error {
  constructor(status, code, description) {
    super(description);
    Object.assign(this, { status, code });
  }
}

// The keys that are trusted, by kid. To jose each is good for its own algorithm only.
async function trusted() {
  const keys = new Map();
  for (const entry of options.trust) {
    const [, alg, kid, file] = entry.match(/^([^:]+):([^:]+):(.+)$/) ?? [];
    if (!ALGORITHMS.includes(alg)) misused(`not ALG:KID:FILE: ${entry}`);
    const written = readFileSync(file, 'utf8');
    const isJwk = written.trimStart().startsWith('{');
    const key = isJwk ? await importJWK(JSON.parse(written), alg) : await importSPKI(written, alg);
    keys.set(kid, key);
  }
  return keys;
}

const keys = await trusted();
const used = new Map(); // jti to exp
const tokens = new Map(); // access token to what it is good for
const seconds = () => Math.floor(Date.now() / 1000);

function forget(map, expiry) {
  for (const [name, value] of map) if (expiry(value) <= seconds()) map.delete(name);
}

function keyFor({ kid }) {
  if (!keys.has(kid)) throw new Error('no such key');
  return keys.get(kid);
}

async function verify(assertion, audience) {
  const { payload } = await jwtVerify(assertion, keyFor, {
    algorithms: ALGORITHMS,
    typ: 'JWT',
    issuer: options.issuer,
    subject: options.subject,
    audience,
    maxTokenAge: LONGEST,
    requiredClaims: ['iat', 'exp', 'jti'],
  });
  if (payload.exp - payload.iat > LONGEST) throw new Error('lives longer than an hour');
  forget(used, (exp) => exp);
  if (typeof payload.jti !== 'string' || !payload.jti) throw new Error('"jti" is not a text');
  if (used.has(payload.jti)) throw new Error('was used before');
  used.set(payload.jti, payload.exp);
}

function checkForm(request) {
  if (!request.is('application/x-www-form-urlencoded')) {
    throw new Refusal(400, 'invalid_request', 'the body is not a form');
  }
  for (const name of PARAMETERS) {
    const value = request.body[name];
    if (typeof value !== 'string' || !value) {
      throw new Refusal(400, 'invalid_request', `${name} is needed, once`);
    }
  }
  const { grant_type, client_assertion_type, scope } = request.body;
  if (grant_type !== 'client_credentials') {
    throw new Refusal(400, 'unsupported_grant_type', 'only client_credentials');
  }
  if (client_assertion_type !== ASSERTION) {
    throw new Refusal(400, 'invalid_request', 'no such client_assertion_type');
  }
  return scope;
}

async function grant(request, audience) {
  const scope = checkForm(request);
  await verify(request.body.client_assertion, audience).catch((problem) => {
    throw new Refusal(401, 'invalid_client', `the assertion: ${problem.message}`);
  });
  const allowed = options.scope.split(' ');
  if (!scope.split(' ').every((one) => allowed.includes(one))) {
    throw new Refusal(400, 'invalid_scope', 'more than may be asked for');
  }
  const token = randomBytes(32).toString('base64url');
  const lifetime = Number(options.lifetime);
  tokens.set(token, { scope, client_id: options.subject, exp: seconds() + lifetime });
  const told = options['no-expires-in'] ? {} : { expires_in: lifetime };
  return { access_token: token, token_type: 'Bearer', ...told, scope };
}

const { app, origin } = await start(options);
const audience = options.audience ?? `${origin}/token`;
const form = express.urlencoded({ extended: false });

app.post('/token', form, async (request, response) => {
  state.requests++;
  response.set({ 'Cache-Control': 'no-store', Pragma: 'no-cache' });
  try {
    response.json(await grant(request, audience));
  } catch (problem) {
    if (!(problem instanceof Refusal)) throw problem;
    state.refused++;
    const { status, code, message } = problem;
    response.status(status).json({ error: code, error_description: message });
  }
});

app.post('/introspect', form, (request, response) => {
  forget(tokens, ({ exp }) => exp);
  const found = tokens.get(request.body?.token);
  response.json(found ? { active: true, token_type: 'Bearer', ...found } : { active: false });
});

ready(`${origin}/token`);
