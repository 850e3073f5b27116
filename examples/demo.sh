#!/bin/sh
# The main job, shown: a server on SQLite creates inventory sources and refuses what
# it should. Starts and stops all it needs; ends with 0 when everything was as it
# should be. Run by `make demo`.
set -u

invsrc=${BUILD:-build}/invsrc
folder=$(mktemp -d)
server=
token=sk_demo_$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')
failures=0

finish() {
  if [ -n "$server" ]; then kill "$server" 2>/dev/null; wait "$server" 2>/dev/null; fi
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

# post KEY BODY: sends it, shows the answer; the status is left in $status.
post() {
  printf 'POST /api/v2/storefront/inventory-sources\n%s\n' "$(echo "$2" | sed "s/$token/<token>/")"
  status=$(curl -sS -o "$folder/body" -w '%{http_code}' \
    -H "Authorization: Bearer $1" -H 'Content-Type: application/json' \
    -d "$2" "$url/api/v2/storefront/inventory-sources")
  printf -- '-> %s\n%s\n' "$status" "$(cat "$folder/body")"
}

source_of() { # NAME ENDPOINT AUTHENTICATION
  printf '{"name":"%s","executionType":"AGENT","type":"SALES","endpointUrl":"%s",' "$1" "$2"
  printf '"protocol":"MCP",%s}' "$3"
}
agent=https://ads.retailnetwork.example/mcp
with_token='"authenticationType":"API_KEY","auth":{"type":"bearer","token":"'$token'"}'

say 'A master key, a registry of one agent, a server, an API key'
(umask 077 && "$invsrc" key generate > "$folder/master.keys") || exit 1
echo '{"agents":[{"url":"'$agent'","name":"Retail Network"}],"count":1}' > "$folder/registry.json"
"$invsrc" serve --listen 127.0.0.1:0 --store "sqlite:$folder/sources.db" \
  --master-key-file "$folder/master.keys" --registry "file:$folder/registry.json" \
  > "$folder/out" 2> "$folder/log" &
server=$!
tries=0
until grep -q '^listening on ' "$folder/out"; do
  tries=$((tries + 1))
  if [ $tries -gt 100 ] || ! kill -0 $server 2>/dev/null; then cat "$folder/log"; exit 1; fi
  sleep 0.1
done
url=$(sed -n 's/^listening on //p' "$folder/out")
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
kill "$server"
wait "$server"
check 'exit status' 0 $?
server=

say 'Done'
[ "$failures" = 0 ] && echo 'everything was as it should be' && exit 0
echo "$failures things were not as they should be"
exit 1
