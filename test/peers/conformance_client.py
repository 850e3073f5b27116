#!/usr/bin/env python3
"""The client that the conformance tests of MCP run with the URL of an agent: creates a source for
it by `invsrc serve`, consents, and has it activated. It ends with 0 where the source is ACTIVE.

The servers of those tests ask nobody: their authorization URL leads straight to the callback."""
import json
import sys

from consent import consent
from program import run
from storefront import Storefront


def refuse(reason, detail=""):
    sys.exit(f"{reason}\n{detail}")


def connect(host, url):
    status, source = host.create("Conformance", url)
    if status != 201:
        refuse(f"no source: {status}", source)
    landed = consent(source["oauth"]["authorizationUrl"])
    if not landed.url.startswith(host.callback) or landed.status != 200:
        refuse("no consent", landed)
    ended = run(*host.activation())
    source = host.record(source["sourceId"])
    if ended.status != 0 or source["status"] != "ACTIVE":
        refuse("not ACTIVE", f"{json.dumps(source, indent=1)}\n{ended}\n{host.server.log()}")


def main():
    url = sys.argv[1]
    with Storefront(url) as host:
        connect(host, url)


if __name__ == "__main__":
    main()
