"""A host of the program to which operators' browsers come back after consent: `invsrc serve` with
OAuth, on a world of its own."""
import json
import socket

from program import PATH, Server, World, body, run

LOCAL = ["--allow-http", "--allow-private"]
NAME = "acme"
CALLBACK = "/api/v2/storefront/oauth/callback"


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as free:
        return free.getsockname()[1]


class Storefront(World):
    """The agents are those whose URLs are given. The server checks no source by itself, unless it
    `activates`. With a `public_url` browsers do not reach it: back() carries what they would."""

    def __init__(self, *agents, words=(), public_url=None, activates=False):
        super().__init__()
        self.write("registry.json", json.dumps({"agents": [{"url": url} for url in agents]}))
        self.key = self.add_key(NAME)
        # The redirect URI is the server's own, so that its port must be known before it starts.
        port = free_port()
        self.origin = f"http://127.0.0.1:{port}"
        public_url = public_url or self.origin
        self.callback = public_url + CALLBACK
        try:
            words = (*words, *(() if activates else ("--no-activate",)))
            self.server = Server(self, *LOCAL, "--public-url", public_url, *words,
                                 listen=f"127.0.0.1:{port}")
        except RuntimeError:
            super().__exit__()
            raise

    def __exit__(self, *problem):
        self.server.__exit__(*problem)
        super().__exit__(*problem)

    def send(self, method, path, content=None):
        """Status, headers, and what the JSON says."""
        status, headers, text = self.server.send(method, path, self.key,
                                                 json.dumps(content) if content is not None else None)
        return status, headers, json.loads(text) if text else {}

    def create(self, name, url, **changes):
        members = json.loads(body(name, endpointUrl=url, authenticationType="OAUTH", **changes))
        status, _, answer = self.send("POST", PATH, members)
        return status, answer

    def get(self, source_id):
        return self.send("GET", f"{PATH}/{source_id}")[2]

    def delete(self, source_id):
        return self.send("DELETE", f"{PATH}/{source_id}")[0]

    def authorize(self, agent_id):
        """Starts the consent of a source again."""
        status, _, answer = self.send("POST", f"/api/v2/storefront/agents/{agent_id}/oauth/authorize", {})
        return status, answer

    def back(self, url):
        """A browser comes back; the status and the page."""
        status, _, text = self.server.send("GET", CALLBACK + url[len(self.callback):])
        return status, text

    def record(self, source_id):
        """What the operator of the program sees of it."""
        return json.loads(run("source", "get", "--store", self.store, "--storefront", NAME, "--json",
                              source_id).out)

    def activation(self, *words):
        return ["activate", *self.options(registry=None), *LOCAL, *words]
