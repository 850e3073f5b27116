// An MCP server on the official TypeScript SDK, with one harmless tool. It speaks
// Streamable HTTP with sessions, answered in SSE. The options, besides those of peer.mjs:
//
//   --json           answer in JSON
//   --sessionless    the same protocol versions without sessions
//   --stateless      version 2026-07-28, and no other
//   --legacy-sse     version 2024-11-05's HTTP+SSE transport, and no other
//   --public-tools   ask for the credential only where a tool is called
import { flag, guard, parseAgent, ready, start, state } from './peer.mjs';
import { randomUUID } from 'node:crypto';
import { toNodeHandler } from '@modelcontextprotocol/node';
import { McpServer as SessionServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import { SSEServerTransport } from '@modelcontextprotocol/sdk/server/sse.js';
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js';
import { McpServer, createMcpHandler } from '@modelcontextprotocol/server';
import express from 'express';

const PUBLIC = ['initialize', 'notifications/initialized', 'server/discover', 'tools/list'];

const options = parseAgent({
  json: flag,
  sessionless: flag,
  stateless: flag,
  'legacy-sse': flag,
  'public-tools': flag,
});

function agent(Server) {
  const server = new Server({ name: 'peer', version: '1.0.0' });
  const about = { description: 'Says that there is nothing.', annotations: { readOnlyHint: true } };
  server.registerTool('get_adcp_capabilities', about, async () => {
    return { content: [{ type: 'text', text: 'nothing' }] };
  });
  return server;
}

function withSessions(app) {
  const sessions = new Map();
  Object.assign(state, { opened: 0, closed: 0 });

  async function open() {
    const transport = new StreamableHTTPServerTransport({
      sessionIdGenerator: randomUUID,
      enableJsonResponse: options.json,
      onsessioninitialized: (id) => {
        state.opened++;
        sessions.set(id, transport);
      },
      onsessionclosed: (id) => {
        state.closed++;
        sessions.delete(id);
      },
    });
    await agent(SessionServer).connect(transport);
    return transport;
  }

  app.all('/mcp', async (request, response) => {
    const id = request.get('mcp-session-id');
    if (id && !sessions.has(id)) return response.status(404).json({ error: 'no such session' });
    const transport = id ? sessions.get(id) : await open();
    return transport.handleRequest(request, response, request.body);
  });
}

function withoutSessions(app) {
  app.post('/mcp', async (request, response) => {
    const transport = new StreamableHTTPServerTransport({ enableJsonResponse: options.json });
    await agent(SessionServer).connect(transport);
    await transport.handleRequest(request, response, request.body);
  });
  app.all('/mcp', (request, response) => response.status(405).set('Allow', 'POST').end());
}

function stateless(app) {
  const responseMode = options.json ? 'json' : 'sse';
  const handler = createMcpHandler(() => agent(McpServer), { legacy: 'reject', responseMode });
  const handle = toNodeHandler(handler);
  app.all('/mcp', (request, response) => handle(request, response, request.body));
}

function legacySse(app) {
  const streams = new Map();
  app.get('/mcp', async (request, response) => {
    const transport = new SSEServerTransport('/messages', response);
    streams.set(transport.sessionId, transport);
    response.on('close', () => streams.delete(transport.sessionId));
    await agent(SessionServer).connect(transport);
  });
  app.all('/mcp', (request, response) => response.status(405).set('Allow', 'GET').end());
  app.post('/messages', async (request, response) => {
    const transport = streams.get(request.query.sessionId);
    if (!transport) return response.status(404).json({ error: 'no such stream' });
    return transport.handlePostMessage(request, response, request.body);
  });
}

// A stream of the old transport says nothing by itself, so that it is public as well.
function isPublic(request) {
  if (!options['public-tools']) return false;
  return PUBLIC.includes(request.body?.method) || (options['legacy-sse'] && request.method === 'GET');
}

const { app, origin } = await start(options);
app.use(express.json(), guard(options, isPublic));
if (options.stateless) stateless(app);
else if (options.sessionless) withoutSessions(app);
else if (options['legacy-sse']) legacySse(app);
else withSessions(app);
ready(`${origin}/mcp`);
