// An OAuth authorization server: oidc-provider, with what MCP asks for. Clients register
// (RFC 7591), PKCE with S256 is required, access tokens are for one resource (RFC 8707),
// refresh tokens are good once, the answer names the issuer (RFC 9207), tokens can be
// revoked (RFC 7009). Its pages need no JavaScript. The options, besides --port and the
// like of peer.mjs:
//
//   --scope "A B"       what may be asked for at a resource (tools)
//   --format opaque|jwt access tokens (opaque)
//   --refresh WHEN      whether there are refresh tokens: always, never, or where
//                       offline_access was asked for (offline)
//   --no-registration   no client registers
//   --client ID:SECRET:URI   a client that is known, with client_secret_basic; may be repeated
//   --client-documents  clients may be known by the URL of their metadata
//
// POST /control takes JSON:
//
//   {"ttl": SECONDS}    how long access tokens are good from now on (3600 at first)
//   {"fail": {"step": STEP, "how": HOW, "times": N}}   the next N requests of that step
//                       fail, once those have that were to fail before; 0: none does any
//                       more. The steps: discovery, registration, authorization, token,
//                       revocation, introspection, jwks. HOW is a status; or "hang":
//                       nothing is said; "cut": the connection ends; "lose": the step is
//                       done and then the connection ends; "hold": the step is done, and
//                       the answer waits
//   {"release": N}      the first N answers that wait are given
//   {"revoke": GRANT}   takes that grant away, or "all"
//
// GET /state tells what there is, with digests in place of tokens: `log`, what came to
// pass at each step; `grants`, and what became of them; `tokens`, how often each was used;
// `refused`, how many requests were to fail; `waiting`, how many answers wait, and
// `released`, how many of those that did are on their way.
import './later.mjs';
import { flag, misused, parse, ready, start, state, text } from './peer.mjs';
import { ASKING } from './oauth.mjs';
import { createHash, generateKeyPairSync, randomBytes } from 'node:crypto';
import express from 'express';

// It notes what a real service should see to, where others look for the URL.
console.info = console.warn = () => {};
const { default: Provider } = await import('oidc-provider');

const STEPS = {
  discovery: '/.well-known/',
  registration: '/register',
  authorization: '/authorize',
  token: '/token',
  revocation: '/revoke',
  introspection: '/introspect',
  jwks: '/jwks',
};
const TOKENS = ['AuthorizationCode', 'AccessToken', 'RefreshToken'];
const REFRESH = {
  always: () => true,
  never: () => false,
  offline: (context, client, { scopes }) => scopes.has('offline_access'),
};

const options = parse({
  scope: { type: 'string', default: 'tools' },
  format: { type: 'string', default: 'opaque' },
  refresh: { type: 'string', default: 'offline' },
  'no-registration': flag,
  client: { ...text, multiple: true, default: [] },
  'client-documents': flag,
});
if (!Object.hasOwn(REFRESH, options.refresh)) misused(`no such --refresh: ${options.refresh}`);
if (!['opaque', 'jwt'].includes(options.format)) misused(`no such --format: ${options.format}`);

const settings = { ttl: 3600, fail: new Map() }; // fail: by step, how the next ones do
const seconds = () => Math.floor(Date.now() / 1000);
const digest = (value) => createHash('sha256').update(value).digest('hex').slice(0, 16);

// ---- What it keeps -----------------------------------------------------------------------

const kept = new Map(); // "model:id" to { model, id, payload, expires, revoked }
const find = (model, id) => kept.get(`${model}:${id}`);

// Keeps what was revoked and what has expired, to tell of it.
class Adapter {
  constructor(model) {
    this.model = model;
  }

  alive(entry) {
    return entry && !entry.revoked && entry.expires > seconds() ? entry.payload : undefined;
  }

  search(name, value) {
    const entries = [...kept.values()].filter(({ model }) => model === this.model);
    return entries.map(this.alive).find((payload) => payload?.[name] === value);
  }

  async upsert(id, payload, expiresIn) {
    const expires = expiresIn === undefined ? Infinity : seconds() + expiresIn;
    kept.set(`${this.model}:${id}`, { model: this.model, id, payload, expires });
  }

  async find(id) {
    return this.alive(find(this.model, id));
  }

  async findByUid(uid) {
    return this.search('uid', uid);
  }

  async findByUserCode(code) {
    return this.search('userCode', code);
  }

  async consume(id) {
    find(this.model, id).payload.consumed = seconds();
  }

  async destroy(id) {
    const entry = find(this.model, id);
    if (entry) entry.revoked = true;
  }

  async revokeByGrantId(grantId) {
    for (const entry of kept.values()) {
      if (entry.model === this.model && entry.payload.grantId === grantId) entry.revoked = true;
    }
  }
}

function withdraw(grantId) {
  for (const entry of kept.values()) {
    const grant = entry.model === 'Grant' ? entry.id : entry.payload.grantId;
    if (grant && (grantId === 'all' || grantId === grant)) entry.revoked = true;
  }
}

// ---- What it tells -----------------------------------------------------------------------

const uses = new Map(); // digest of a code or refresh token to how often it was shown
const log = [];

function tellGrants() {
  const grants = [...kept.values()].filter(({ model }) => model === 'Grant');
  return grants.map(({ id, payload: { accountId, clientId, resources = {} }, revoked = false }) => {
    return { id, account: accountId, client: clientId, resources: Object.keys(resources), revoked };
  });
}

function tellTokens() {
  const tokens = [...kept.values()].filter(({ model }) => TOKENS.includes(model));
  return tokens.map(({ model, id, payload: { grantId, consumed }, expires, revoked = false }) => {
    const name = digest(id);
    const expired = expires <= seconds();
    return { kind: model, id: name, grant: grantId, uses: uses.get(name) ?? 0, consumed, expired, revoked };
  });
}

Object.assign(state, { log, issuer: undefined });
Object.defineProperty(state, 'grants', { enumerable: true, get: tellGrants });
Object.defineProperty(state, 'tokens', { enumerable: true, get: tellTokens });

// What came to pass, noted before the answer is given.
async function note(context, next) {
  await next();
  const { route, params = {}, client } = context.oidc ?? {};
  const { body } = context;
  if (!Object.hasOwn(STEPS, route) || ['discovery', 'jwks', 'introspection'].includes(route)) return;
  const shown = params.refresh_token ?? params.code ?? params.token;
  const used = shown && digest(shown);
  if (route === 'token' && used) uses.set(used, (uses.get(used) ?? 0) + 1);
  log.push({
    step: route,
    status: context.status,
    error: body?.error,
    failure: context.req.failure,
    client: client?.clientId ?? body?.client_id,
    method: client?.clientAuthMethod ?? body?.token_endpoint_auth_method,
    grantType: params.grant_type,
    used,
    hint: params.token_type_hint,
    scope: params.scope,
    resource: params.resource,
  });
}

// ---- Its failures ------------------------------------------------------------------------

const waiting = []; // what gives the answers that wait
Object.assign(state, { released: 0 });
Object.defineProperty(state, 'waiting', { enumerable: true, get: () => waiting.length });

const FAILURES = {
  hang: () => {},
  cut: (request) => request.socket.destroy(),
  lose: (request, response, next) => {
    response.end = () => request.socket.destroy();
    next();
  },
  hold: (request, response, next) => {
    const end = response.end.bind(response);
    response.once('finish', () => state.released++);
    response.end = (...content) => waiting.push(() => end(...content));
    next();
  },
};

function stepOf({ path }) {
  return Object.keys(STEPS).find((step) => path.startsWith(STEPS[step]));
}

function fail(request, response, next) {
  state.requests++;
  const how = settings.fail.get(stepOf(request))?.shift();
  if (how === undefined) return next();
  state.refused++;
  request.failure = how;
  if (FAILURES[how]) return FAILURES[how](request, response, next);
  return response.status(how).json({ error: 'temporarily_unavailable' });
}

function control({ body: { ttl, fail: failure, release, revoke } }, response) {
  if (ttl !== undefined) settings.ttl = ttl;
  if (failure !== undefined) {
    const { step, how, times = 1 } = failure;
    const known = Number.isInteger(how) || Object.hasOwn(FAILURES, how);
    if (!Object.hasOwn(STEPS, step) || !known) return response.status(400).end();
    const planned = times ? (settings.fail.get(step) ?? []) : [];
    settings.fail.set(step, [...planned, ...Array(times).fill(how)]);
  }
  if (release) waiting.splice(0, release).forEach((give) => give());
  if (revoke !== undefined) withdraw(revoke);
  return response.status(204).end();
}

// ---- Its pages ---------------------------------------------------------------------------

const escape = (value) =>
  String(value).replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);

const page = (title, uid, content) => `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>${title}</title>
<style>
body { font: 1rem/1.5 sans-serif; max-width: 30rem; margin: 4rem auto; padding: 0 1rem }
form { margin: 1rem 0 } input, button { font: inherit; padding: .25rem .5rem }
</style>
<h1>${title}</h1>
${content}
<form method="post" action="/interaction/${uid}/deny"><button>Deny</button></form>
</html>
`;

const PAGES = {
  login: ({ uid }) =>
    page('Sign in', uid, `<form method="post" action="/interaction/${uid}/login">
<label>User name <input name="login" required autofocus></label>
<button>Sign in</button>
</form>`),
  consent: ({ uid, params, session }, client) =>
    page('Consent', uid, `<p>${escape(client.clientName ?? client.clientId)} wants to act for
${escape(session.accountId)} at ${escape(params.resource ?? 'no resource')}:
${escape(params.scope ?? 'no scope')}</p>
<form method="post" action="/interaction/${uid}/consent"><button>Consent</button></form>`),
};

// Each consent makes a grant of its own, so that its end ends no other.
async function consented(provider, { params, session, prompt: { details } }) {
  const grant = new provider.Grant({ accountId: session.accountId, clientId: params.client_id });
  if (details.missingOIDCScope) grant.addOIDCScope(details.missingOIDCScope.join(' '));
  for (const [resource, scopes] of Object.entries(details.missingResourceScopes ?? {})) {
    grant.addResourceScope(resource, scopes.join(' '));
  }
  return { consent: { grantId: await grant.save() } };
}

const RESULTS = {
  login: (provider, interaction, { login }) => ({ login: { accountId: login } }),
  consent: consented,
  deny: () => ({ error: 'access_denied', error_description: 'the user said no' }),
};

function interact(app, provider) {
  app.get('/interaction/:uid', async (request, response) => {
    const interaction = await provider.interactionDetails(request, response);
    const client = await provider.Client.find(interaction.params.client_id);
    response.set('Cache-Control', 'no-store');
    response.send(PAGES[interaction.prompt.name](interaction, client));
  });
  const form = express.urlencoded({ extended: false });
  app.post('/interaction/:uid/:answer', form, async (request, response) => {
    const { answer } = request.params;
    const interaction = await provider.interactionDetails(request, response);
    if (!Object.hasOwn(RESULTS, answer) || !['deny', interaction.prompt.name].includes(answer)) {
      return response.status(404).end();
    }
    const result = await RESULTS[answer](provider, interaction, request.body ?? {});
    const mergeWithLastSubmission = answer === 'consent';
    return provider.interactionFinished(request, response, result, { mergeWithLastSubmission });
  });
}

// ---- The server --------------------------------------------------------------------------

function knownClients() {
  return options.client.map((entry) => {
    const [, client_id, client_secret, uri] = entry.match(/^([^:]+):([^:]+):(.+)$/) ?? [];
    if (!uri) misused(`not ID:SECRET:URI: ${entry}`);
    return {
      client_id,
      client_secret,
      redirect_uris: [uri],
      grant_types: ['authorization_code', 'refresh_token'],
      token_endpoint_auth_method: 'client_secret_basic',
    };
  });
}

function configuration() {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const key = { ...privateKey.export({ format: 'jwk' }), alg: 'RS256', use: 'sig', kid: 'key' };
  const getResourceServerInfo = (context, resource) => ({
    scope: options.scope,
    audience: resource,
    accessTokenFormat: options.format,
    jwt: { sign: { alg: 'RS256' } },
  });
  const asking = { ...ASKING, redirect_uris: [], response_types: [], grant_types: [] };
  return {
    adapter: Adapter,
    clients: [asking, ...knownClients()],
    clientAuthMethods: ['none', 'client_secret_basic', 'client_secret_post'],
    cookies: { keys: [randomBytes(32).toString('hex')] },
    features: {
      devInteractions: { enabled: false },
      registration: { enabled: !options['no-registration'] },
      clientIdMetadataDocument: { enabled: options['client-documents'], ack: 'draft-02' },
      resourceIndicators: { enabled: true, getResourceServerInfo },
      introspection: { enabled: true },
      revocation: { enabled: true },
    },
    // Its own agent refuses loopback, where all of the tests' documents are.
    fetch: (url, { dispatcher, ...rest }) => fetch(url, rest),
    findAccount: (context, id) => ({ accountId: id, claims: () => ({ sub: id }) }),
    interactions: { url: (context, { uid }) => `/interaction/${uid}` },
    issueRefreshToken: (context, client, code) =>
      client.grantTypeAllowed('refresh_token') && REFRESH[options.refresh](context, client, code),
    jwks: { keys: [key] },
    loadExistingGrant: ({ oidc: { result, provider } }) =>
      result?.consent && provider.Grant.find(result.consent.grantId),
    pkce: { required: () => true },
    responseTypes: ['code'],
    rotateRefreshToken: true,
    routes: { ...STEPS, discovery: undefined },
    scopes: options.refresh === 'offline' ? ['openid', 'offline_access'] : ['openid'],
    ttl: { AccessToken: () => settings.ttl },
  };
}

const { app, origin } = await start(options);
const provider = new Provider(origin, configuration());
provider.use(note);
provider.on('server_error', (context, problem) => console.error(problem));
state.issuer = origin;
app.post('/control', express.json(), control);
app.get('/favicon.ico', (request, response) => response.status(204).end());
app.use(fail);
interact(app, provider);
app.use(provider.callback());
ready(origin);
