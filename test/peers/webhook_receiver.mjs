// A receiver of webhooks, which believes only what the Standard Webhooks library verifies.
// The options, besides those of peer.mjs:
//
//   --secret TEXT   what the sender signs with
//   --fail N        answer the first N attempts with 500, and count them as none (0)
//   --status N      answer with that instead of 204
//
// GET /state tells what came: attempts, and each event with how often it was taken.
import { parse, ready, start, state, text } from './peer.mjs';
import express from 'express';
import { Webhook } from 'standardwebhooks';

const options = parse({
  secret: text,
  fail: { type: 'string', default: '0' },
  status: { type: 'string', default: '204' },
});
const webhook = new Webhook(options.secret);
Object.assign(state, { failed: 0, events: [] });

function verify(request) {
  try {
    return webhook.verify(request.body, request.headers);
  } catch {
    return undefined;
  }
}

const { app, origin } = await start(options);
app.post('/hook', express.text({ type: 'application/json' }), (request, response) => {
  state.requests++;
  const payload = verify(request);
  if (!payload) {
    state.refused++;
    return response.status(401).end();
  }
  if (state.failed < Number(options.fail)) {
    state.failed++;
    return response.status(500).send('not now');
  }
  const id = request.get('webhook-id');
  const known = state.events.find((event) => event.id === id);
  if (known) known.taken++;
  else state.events.push({ id, taken: 1, payload });
  return response.status(Number(options.status)).end();
});
ready(`${origin}/hook`);
