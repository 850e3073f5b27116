#!/bin/sh
# The main job, shown: a server on SQLite creates inventory sources, refuses what it
# should, and activates a source when its agent answers. Starts and stops all it needs;
# ends with 0 when everything was as it should be. Run by `make demo`.
set -u

invsrc=${BUILD:-build}/invsrc
peers=${PEERS:-${BUILD:-build}/peers}
folder=$(mktemp -d)
server=
agent_process=
login_process=
listen=127.0.0.1:0
token=sk_demo_$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')
failures=0

finish() {
  for process in $server $agent_process $login_process; do
    kill "$process" 2>/dev/null
    wait "$process" 2>/dev/null
  done
  rm -rf "$folder"
}
trap finish EXIT
trap 'exit 1' INT TERM

say() { printf '\n== %s\n' "$*"; }

# check WHAT EXPECTED ACTUAL
check() {
  if [ "$2" = "$3" ]; then
    printf 'ok: %s\n' "$1"
  else
    printf 'NOT OK: %s: expected %s, got %s\n' "$1" "$2" "$3"
    failures=$((failures + 1))
  fi
}

# await FILE WORD PROCESS: until the word begins a line of the file that the process writes.
await() {
  tries=0
  until grep -q "^$2" "$1"; do
    tries=$((tries + 1))
    if [ $tries -gt 100 ] || ! kill -0 "$3" 2>/dev/null; then cat "$folder/log"; exit 1; fi
    sleep 0.1
  done
}

# serve REGISTRY [OPTION...]: starts the server; where it listens is left in $url.
serve() {
  registry=$1
  shift
  : > "$folder/out"
  "$invsrc" serve --listen "$listen" --store "sqlite:$folder/sources.db" \
    --master-key-file "$folder/master.keys" --registry "file:$registry" "$@" \
    > "$folder/out" 2>> "$folder/log" &
  server=$!
  await "$folder/out" 'listening on ' $server
  url=$(sed -n 's/^listening on //p' "$folder/out")
}

end_server() {
  kill "$server"
  wait "$server"
  check 'exit status' 0 $?
  server=
}

# ask METHOD PATH KEY [BODY]: the status is left in $status, the answer in a file.
ask() {
  status=$(curl -sS -o "$folder/body" -w '%{http_code}' -X "$1" \
    -H "Authorization: Bearer $3" -H 'Content-Type: application/json' \
    ${4:+-d "$4"} "$url/api/v2/storefront/inventory-sources$2")
}

# show METHOD PATH KEY [BODY]: the same, and shows it.
show() {
  printf '%s /api/v2/storefront/inventory-sources%s\n' "$1" "$2"
  if [ -n "${4:-}" ]; then echo "$4" | sed "s/$token/<token>/"; fi
  ask "$@"
  printf -- '-> %s\n%s\n' "$status" "$(cat "$folder/body")"
}

post() { show POST '' "$1" "$2"; }

source_of() { # NAME ENDPOINT AUTHENTICATION
  printf '{"name":"%s","executionType":"AGENT","type":"SALES","endpointUrl":"%s",' "$1" "$2"
  printf '"protocol":"MCP",%s}' "$3"
}
agent=https://ads.retailnetwork.example/mcp
with_token='"authenticationType":"API_KEY","auth":{"type":"bearer","token":"'$token'"}'

say 'A master key, a registry of one agent, a server, an API key'
(umask 077 && "$invsrc" key generate > "$folder/master.keys") || exit 1
echo '{"agents":[{"url":"'$agent'","name":"Retail Network"}],"count":1}' > "$folder/registry.json"
serve "$folder/registry.json"
key=$("$invsrc" apikey add --store "sqlite:$folder/sources.db" --storefront acme --name demo) || exit 1
echo "$url, storefront acme"

say 'The request of the documentation is answered with 201 and the source'
post "$key" "$(source_of 'Retail Network Agent' $agent "$with_token"',"description":"Display and video"')"
check 'created' 201 "$status"
check 'every field, in order' \
  'id sourceId name executionType status agentId type endpointUrl protocol authenticationType authConfigured description isAdapterSource createdAt updatedAt' \
  "$(grep -o '"[A-Za-z]*":' "$folder/body" | tr -d '":' | tr '\n' ' ' | sed 's/ $//')"
check 'it waits for its agent' 1 "$(grep -c '"status":"PENDING"' "$folder/body")"

say 'Everything that is wrong is told at once'
post "$key" '{"name":"","type":"sales","endpointUrl":"http://127.0.0.1/mcp","authenticationType":"API_KEY","auth":{"type":"basic"}}'
check 'refused' 400 "$status"
check 'its problems' 'name type endpointUrl endpointUrl protocol auth.type' \
  "$(grep -o '"path":"[a-zA-Z.]*"' "$folder/body" | sed 's/"path":"\(.*\)"/\1/' | tr '\n' ' ' | sed 's/ $//')"

say 'An endpoint that is not registered with AAO'
post "$key" "$(source_of 'Unknown Agent' https://unknown.example/mcp "$with_token")"
check 'refused' 400 "$status"

say 'A sourceId that is taken'
post "$key" "$(source_of 'Retail Network Agent' $agent "$with_token")"
check 'refused' 409 "$status"

say 'A wrong API key'
post "${key}x" "$(source_of 'Retail Network Agent' $agent "$with_token")"
check 'refused' 401 "$status"

say 'An agent without authentication is ACTIVE at once'
post "$key" "$(source_of 'Open Agent' $agent '"authenticationType":"NO_AUTH"')"
check 'created' 201 "$status"
check 'its status' 1 "$(grep -c '"status":"ACTIVE"' "$folder/body")"

say 'The token is nowhere: not in the database, not in the log'
check 'files with the token' '' "$(grep -la "$token" "$folder"/sources.db* "$folder/log")"
check 'sources created' 2 \
  "$(grep -c '"status":201' "$folder/log")"

say 'The server ends when it is told to'
end_server

# ---- The source comes alive, against a real agent --------------------------------------

until_active() { # PATH
  tries=0
  until ask GET "$1" "$key" && grep -q '"status":"ACTIVE"' "$folder/body" || [ $tries -ge 200 ]; do
    tries=$((tries + 1))
    sleep 0.1
  done
}

source_command() { # VERB
  "$invsrc" source "$1" --store "sqlite:$folder/sources.db" --storefront acme retail-network-agent
}

activation() {
  say 'A real MCP agent on this machine that wants the token; the server again, which may go there'
  : > "$folder/agent"
  node "$peers/mcp_server.mjs" --auth bearer --secret "$token" > "$folder/agent" 2>> "$folder/log" &
  agent_process=$!
  await "$folder/agent" 'listening ' $agent_process
  local_agent=$(sed -n 's/^listening //p' "$folder/agent")
  echo '{"agents":[{"url":"'"$local_agent"'"}],"count":1}' > "$folder/local.json"
  serve "$folder/local.json" --allow-http --allow-private
  echo "$local_agent"

  say 'The source moves there, and keeps its credential'
  show PUT /retail-network-agent "$key" '{"endpointUrl":"'"$local_agent"'"}'
  check 'changed' 200 "$status"

  say 'The server asks the agent with the token: the source is ACTIVE'
  until_active /retail-network-agent
  show GET /retail-network-agent "$key"
  check 'its status' 1 "$(grep -c '"status":"ACTIVE"' "$folder/body")"

  say 'What the operator sees of it'
  source_command get > "$folder/shown"
  check 'exit status' 0 $?
  cat "$folder/shown"
  check 'the agent refuses who has no credential' 1 "$(grep -c '^credentialProven  *yes' "$folder/shown")"

  say 'It is removed'
  source_command rm
  check 'exit status' 0 $?
  show GET /retail-network-agent "$key"
  check 'gone' 404 "$status"
  check 'files with the token' '' "$(grep -la "$token" "$folder"/sources.db* "$folder/log")"
  end_server
}

# ---- An agent with OAuth: its operator consents in a browser ---------------------------

# peer NAME [OPTION...]: starts a test peer; where it listens is left in $peer.
peer() {
  name=$1
  shift
  : > "$folder/$name"
  node "$peers/$name.mjs" "$@" > "$folder/$name" 2>> "$folder/log" &
  peer_process=$!
  await "$folder/$name" 'listening ' $peer_process
  peer=$(sed -n 's/^listening //p' "$folder/$name")
}

# The browser comes back to the server, whose port must be known before it starts.
free_port() {
  node -e 'const s = require("net").createServer().listen(0, "127.0.0.1", () => {
    console.log(s.address().port); s.close(); })'
}

# member NAME FILE: a text of a JSON object, without escapes.
member() { sed -n 's/.*"'"$1"'":"\([^"]*\)".*/\1/p' "$2"; }

consent() {
  say 'An authorization server, an MCP agent that takes only its tokens, and a server with a public URL'
  kill "$agent_process"
  wait "$agent_process" 2>/dev/null
  peer oidc_server
  login_process=$peer_process
  login=$peer
  peer mcp_server --auth oauth --issuer "$login"
  agent_process=$peer_process
  echo '{"agents":[{"url":"'"$peer"'"}],"count":1}' > "$folder/oauth.json"
  listen=127.0.0.1:$(free_port)
  serve "$folder/oauth.json" --allow-http --allow-private --public-url "http://$listen"
  echo "$login, $peer"

  say 'A source with OAUTH says where its operator consents'
  post "$key" "$(source_of 'Agent with OAuth' "$peer" '"authenticationType":"OAUTH"')"
  check 'created' 201 "$status"
  consent_url=$(member authorizationUrl "$folder/body")

  say 'The operator opens it in a browser, signs in and consents'
  node "$peers/browser.mjs" "$consent_url" > "$folder/seen" 2>> "$folder/log"
  check 'exit status' 0 $?
  member text "$folder/seen" | sed 's/\\n/\n/g'
  check 'the page' Connected "$(member title "$folder/seen")"

  say 'The agent takes the tokens: the source is ACTIVE'
  until_active /agent-with-oauth
  show GET /agent-with-oauth "$key"
  check 'its status' 1 "$(grep -c '"status":"ACTIVE"' "$folder/body")"

  say 'It is removed, and its tokens are revoked'
  show DELETE /agent-with-oauth "$key"
  check 'gone' 204 "$status"
  curl -sS -o "$folder/state" "$login/state"
  check 'the authorization server has revoked them' 1 "$(grep -c '"revoked": *true' "$folder/state")"
  end_server
}

if command -v node > /dev/null && [ -f "$peers/installed" ] && [ -f "$peers/mcp_server.mjs" ]; then
  activation
  if command -v chromium > /dev/null; then
    consent
  else
    say 'A consent is not shown: it needs Chromium, which `make deps` installs'
  fi
else
  say 'A source that comes alive is not shown: it needs an agent, which `make deps` installs'
fi

say 'Done'
[ "$failures" = 0 ] && echo 'everything was as it should be' && exit 0
echo "$failures things were not as they should be"
exit 1
