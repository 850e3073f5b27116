"""The authorization server of the tests, oidc_server.mjs: what it is told to do, and what it tells."""
import http.client
import json

from peer import Peer
from program import check

PATIENCE = 60  # seconds for an answer
SCOPE = "tools"


class Issuer(Peer):
    def __init__(self, *options):
        super().__init__("oidc_server", *options)

    def _exchange(self, method, path, content=None):
        connection = http.client.HTTPConnection(self.origin.split("/")[2], timeout=PATIENCE)
        connection.request(method, path, json.dumps(content) if content else None,
                           {"Content-Type": "application/json"})
        response = connection.getresponse()
        answer = response.status, response.read().decode()
        connection.close()
        return answer

    def control(self, **content):
        status, text = self._exchange("POST", "/control", content)
        check(status == 204, f"the authorization server: {content}", text)

    def state(self):
        return json.loads(self._exchange("GET", "/state")[1])

    def log(self, step, grant_type=None):
        return [line for line in self.state()["log"] if line["step"] == step and
                (grant_type is None or line.get("grantType") == grant_type)]

    def grants(self):
        """Of each grant, whether it was revoked."""
        return [grant["revoked"] for grant in self.state()["grants"]]

    def was_used_twice(self):
        return [token for token in self.state()["tokens"] if token["uses"] > 1]


def demand(issuer):
    """The options of an agent that takes its tokens."""
    return ["--auth", "oauth", "--issuer", issuer.origin, "--scope", SCOPE]
