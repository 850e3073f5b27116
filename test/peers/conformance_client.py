#!/usr/bin/env python3
"""The client that the conformance tests of MCP run with the URL of an agent: creates a source for
it by `invsrc serve`, consents, and has it activated. It ends with 0 where the source is ACTIVE.

The servers of those tests ask nobody: their authorization URL leads straight to the callback.
Where the test names a client that was registered by hand, the server knows it; a public URL for
it is in PUBLIC_URL."""
import json
import os
import sys
import tempfile
import urllib.parse
import urllib.request

from consent import consent
from program import run
from storefront import Storefront


def refuse(reason, detail=""):
    sys.exit(f"{reason}\n{detail}")


def connect(host, url):
    status, source = host.create("Conformance", url)
    if status != 201:
        refuse(f"no source: {status}", source)
    came = str(consent(source["oauth"]["authorizationUrl"], until=host.callback))
    status, page = host.back(came) if came.startswith(host.callback) else (0, "")
    if status != 200:
        refuse("no consent", f"{came}\n{status}\n{page}")
    ended = run(*host.activation())
    source = host.record(source["sourceId"])
    if ended.status != 0 or source["status"] != "ACTIVE":
        refuse("not ACTIVE", f"{json.dumps(source, indent=1)}\n{ended}\n{host.server.log()}")


def issuer_of(url):
    """As who registers by hand would know it."""
    where = urllib.parse.urljoin(url, "/.well-known/oauth-protected-resource" + urllib.parse.urlsplit(url).path)
    with urllib.request.urlopen(where, timeout=60) as answer:
        return json.load(answer)["authorization_servers"][0]


def main():
    url = sys.argv[1]
    known = json.loads(os.environ.get("MCP_CONFORMANCE_CONTEXT", "{}"))
    with tempfile.NamedTemporaryFile("w") as clients:
        if "client_id" in known:
            print(issuer_of(url), known["client_id"], known["client_secret"], file=clients, flush=True)
        words = ["--oauth-clients-file", clients.name]
        with Storefront(url, words=words, public_url=os.environ.get("PUBLIC_URL")) as host:
            connect(host, url)


if __name__ == "__main__":
    main()
