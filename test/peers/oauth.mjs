// What a peer does that takes an authorization server's access tokens: it publishes its
// metadata (RFC 9728), and believes tokens for itself only. Opaque ones it asks the server
// about (RFC 7662), JWTs it verifies. See peer.mjs for the options.
import { createRemoteJWKSet, jwtVerify } from 'jose';

// As whom the peers ask the authorization server about tokens.
export const ASKING = { client_id: 'resource', client_secret: 'resource-secret' };
export const METADATA = ['challenge', 'path', 'root'];

const WELL_KNOWN = '/.well-known/oauth-protected-resource';
const pathOf = (request) => (request.baseUrl + request.path).replace(/\/$/, '');

let found; // what the authorization server says of itself
let keys;

async function discover(issuer) {
  if (found) return found;
  const answer = await fetch(`${issuer}/.well-known/oauth-authorization-server`);
  if (!answer.ok) throw new Error('the authorization server says nothing of itself');
  found = await answer.json();
  keys = createRemoteJWKSet(new URL(found.jwks_uri));
  return found;
}

async function introspect(token, { introspection_endpoint }) {
  const { client_id, client_secret } = ASKING;
  const basic = Buffer.from(`${client_id}:${client_secret}`).toString('base64');
  const answer = await fetch(introspection_endpoint, {
    method: 'POST',
    headers: { Authorization: `Basic ${basic}` },
    body: new URLSearchParams({ token }),
  });
  const claims = answer.ok ? await answer.json() : {};
  return claims.active && claims.token_type === 'Bearer' ? claims : undefined;
}

async function verify(token, { issuer }) {
  const { payload } = await jwtVerify(token, keys, { issuer, typ: 'at+jwt' });
  return payload;
}

// Which resource a request is for, as the metadata calls it.
function resourceOf(request, { origin, metadata }) {
  return metadata === 'root' ? origin : origin + pathOf(request);
}

// What the token is good for, or nothing.
export async function read(token, request, options) {
  const server = await discover(options.issuer);
  const claims = await (token.includes('.') ? verify : introspect)(token, server).catch(() => undefined);
  return claims && [claims.aud].flat().includes(resourceOf(request, options)) ? claims : undefined;
}

export function lacksScope(claims, { scope }) {
  const granted = (claims.scope ?? '').split(' ');
  return scope !== undefined && !scope.split(' ').every((one) => granted.includes(one));
}

export function challenge(request, options, error) {
  const { origin, scope, metadata } = options;
  const told = {
    error,
    resource_metadata: metadata === 'challenge' ? origin + WELL_KNOWN + pathOf(request) : undefined,
    scope,
  };
  const parts = Object.entries(told).filter(([, value]) => value !== undefined);
  return ['Bearer realm="peer"', ...parts.map(([name, value]) => `${name}="${value}"`)].join(', ');
}

export function publish(app, { origin, issuer, scope, metadata }) {
  app.get(metadata === 'root' ? WELL_KNOWN : `${WELL_KNOWN}/*path`, (request, response) => {
    response.json({
      resource: origin + request.path.slice(WELL_KNOWN.length),
      authorization_servers: [issuer],
      bearer_methods_supported: ['header'],
      ...(scope !== undefined && { scopes_supported: scope.split(' ') }),
    });
  });
}
