// An A2A server on the official JavaScript SDK: an agent card that anybody may read, and
// a JSON-RPC endpoint. The options, besides those of peer.mjs:
//
//   --protocol 1.0|0.3|both   which versions: `both` is 1.0 with the SDK's layer for 0.3,
//                             and 0.3 is the SDK of that time (both)
//   --card-path PATH          where the card is (/.well-known/agent-card.json)
//   --private-card            ask for the credential there too
import { flag, guard, misused, parseAgent, ready, start } from './peer.mjs';
import { randomUUID } from 'node:crypto';
import * as current from '@a2a-js/sdk/server';
import * as currentExpress from '@a2a-js/sdk/server/express';
import * as older from '@a2a-js/sdk-0.3/server';
import * as olderExpress from '@a2a-js/sdk-0.3/server/express';

const options = parseAgent({
  protocol: { type: 'string', default: 'both' },
  'card-path': { type: 'string', default: '/.well-known/agent-card.json' },
  'private-card': flag,
});

const ABOUT = {
  name: 'peer',
  description: 'Answers that there is nothing.',
  version: '1.0.0',
  capabilities: { streaming: false, pushNotifications: false },
  defaultInputModes: ['text/plain'],
  defaultOutputModes: ['text/plain'],
  skills: [{ id: 'nothing', name: 'Nothing', description: 'Nothing.', tags: [], examples: [] }],
};

function currentAgent(url, versions) {
  const card = {
    ...ABOUT,
    supportedInterfaces: versions.map((protocolVersion) => {
      return { url, protocolBinding: 'JSONRPC', protocolVersion, tenant: '' };
    }),
    securitySchemes: {},
    securityRequirements: [],
    signatures: [],
  };
  const reply = (contextId) =>
    current.AgentEvent.message({
      messageId: randomUUID(),
      contextId,
      taskId: '',
      role: 2, // an agent
      parts: [{ content: { $case: 'text', value: 'nothing' }, filename: '', mediaType: '' }],
      extensions: [],
      referenceTaskIds: [],
    });
  return { sdk: current, routes: currentExpress, card, reply };
}

function olderAgent(url) {
  const card = { ...ABOUT, protocolVersion: '0.3.0', url, preferredTransport: 'JSONRPC' };
  const reply = (contextId) => {
    const parts = [{ kind: 'text', text: 'nothing' }];
    return { kind: 'message', messageId: randomUUID(), contextId, role: 'agent', parts };
  };
  return { sdk: older, routes: olderExpress, card, reply };
}

const AGENTS = {
  '1.0': (url) => currentAgent(url, ['1.0']),
  '0.3': (url) => olderAgent(url),
  both: (url) => currentAgent(url, ['1.0', '0.3']),
};

function serve(app, { sdk, routes, card, reply }) {
  const executor = {
    async execute(context, bus) {
      bus.publish(reply(context.contextId));
      bus.finished();
    },
    async cancelTask() {},
  };
  const requestHandler = new sdk.DefaultRequestHandler(card, new sdk.InMemoryTaskStore(), executor);
  const userBuilder = routes.UserBuilder.noAuthentication; // who asks was seen to before
  const legacyCompat = { enabled: options.protocol === 'both' };
  const cardGuard = options['private-card'] ? [guard(options)] : [];
  app.use(options['card-path'], ...cardGuard,
    routes.agentCardHandler({ agentCardProvider: requestHandler, legacyCompat }));
  app.use('/a2a', guard(options), routes.jsonRpcHandler({ requestHandler, userBuilder, legacyCompat }));
}

if (!Object.hasOwn(AGENTS, options.protocol)) misused(`no such --protocol: ${options.protocol}`);
const { app, origin } = await start(options);
serve(app, AGENTS[options.protocol](`${origin}/a2a`));
ready(`${origin}/a2a`);
