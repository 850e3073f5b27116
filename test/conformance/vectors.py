"""Conformance vectors (README.md) for ways in that are not C: reads them, makes
their worlds on disk, and judges answers."""
import collections
import glob
import json
import os
import re
import sqlite3
import subprocess
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
BUILD = os.environ.get("BUILD", "build")
INVSRC = os.path.join(BUILD, "invsrc")
AGENT = "https://agent.example/mcp"
TARGET = "/api/v2/storefront/inventory-sources"
FORMS = {
    "{{id}}": r"[1-9][0-9]{0,18}",
    "{{agentId}}": r"agent_[0-9A-HJKMNP-TV-Z]{26}",
    "{{time}}": r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ",
}

# The failures that there are in earnest, and what to do to the database for them.
BREAKS = {
    ("lookup", "unavailable"): None,  # the registry's file is spoilt
    ("insert", "unavailable"): "BEGIN IMMEDIATE",  # and holds the lock
    ("insert", "failed"): "ALTER TABLE sources RENAME TO elsewhere",
    ("get", "failed"): "ALTER TABLE sources RENAME TO elsewhere",
    ("authenticate", "failed"): "ALTER TABLE api_keys RENAME TO elsewhere",
}


def compact(value):
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


class Vector:
    def __init__(self, data):
        self.name = data["name"]
        self.world = data.get("world", {})
        self.request = data["request"]
        self.response = data["response"]
        repeat = data.get("repeat", {"of": "", "times": 0})
        self._filling = repeat["of"] * repeat["times"]

    def fill(self, text):
        return text.replace("{{repeat}}", self._filling)

    def _body_of(self, message):
        return self.fill(compact(message["json"]) if "json" in message else message.get("text", ""))

    def options(self):
        return self.world.get("options", {})

    def registered(self):
        return [self.fill(url) for url in self.world.get("registered", [AGENT])]

    def setting(self):
        """What a world needs before it starts: vectors of one setting may share it."""
        return compact([self.options(), self.registered(), self.world.get("fail")])

    def to_send(self, key):
        """Method, target, headers and body of the request."""
        headers = self.request.get("headers", [["Authorization", "Bearer {{key}}"],
                                               ["Content-Type", "application/json"]])
        return (self.request.get("method", "POST"), self.request.get("target", TARGET),
                [(name, value.replace("{{key}}", key)) for name, value in headers],
                self._body_of(self.request).encode())

    def judge(self, status, headers, body):
        """What is wrong with an answer, or None."""
        pattern = re.escape(self._body_of(self.response))
        for placeholder, form in FORMS.items():
            pattern = pattern.replace(re.escape(placeholder), form)
        if status != self.response["status"]:
            return f"status {status}: {body.decode()}"
        if not re.fullmatch(pattern, body.decode()):
            return f"body {body.decode()}"
        for name, value in self.response.get("headers", {}).items():
            if headers.get(name) != value:
                return f"{name}: {headers.get(name)}"
        return None


class World:
    """The files that a host needs: database, master keys, registry."""

    def __init__(self, vector):
        self._folder = tempfile.TemporaryDirectory(prefix="invsrc-vectors-")
        self.database = os.path.join(self._folder.name, "sources.db")
        self.key_file = os.path.join(self._folder.name, "master.keys")
        self.registry = os.path.join(self._folder.name, "registry.json")
        self.options = vector.options()
        self._broken = []
        with open(os.open(self.key_file, os.O_WRONLY | os.O_CREAT, 0o600), "wb") as file:
            file.write(subprocess.check_output([INVSRC, "key", "generate"]))
        agents = [{"url": url} for url in vector.registered()]
        with open(self.registry, "w", encoding="utf-8") as file:
            json.dump({"agents": agents, "count": len(agents)}, file)

    def fail(self, effect, outcome):
        """Breaks what is behind an effect, in earnest."""
        statement = BREAKS[effect, outcome]
        if statement is None:
            with open(self.registry, "w", encoding="utf-8") as file:
                file.write("no catalogue")
            return
        connection = sqlite3.connect(self.database, isolation_level=None)
        self._broken.append(connection)
        connection.execute(statement)

    def close(self):
        for connection in self._broken:
            connection.close()
        self._folder.cleanup()


def load():
    """All vectors; and how many more there are whose world needs a host's own process."""
    vectors = []
    for path in sorted(glob.glob(os.path.join(HERE, "*.json"))):
        with open(path, encoding="utf-8") as file:
            vectors += [Vector(data) for data in json.load(file)]
    possible = [vector for vector in vectors if not vector.world.get("inProcess")]
    return possible, len(vectors) - len(possible)


def run_vector(vector, world, host, number):
    """Each vector has a storefront of its own, so that they do not meet."""
    key = host.add_key(f"storefront-{number}")
    for body in vector.world.get("before", []):
        method, target, headers, _ = Vector({"name": "", "request": {}, "response": {}}).to_send(key)
        status, _, answer = host.send(method, target, headers, compact(body).encode())
        if status != 201:
            return f"before: {answer.decode()}"
    if "fail" in vector.world:
        world.fail(vector.world["fail"]["effect"], vector.world["fail"]["outcome"])
    return vector.judge(*host.send(*vector.to_send(key)))


def run(way, make_host):
    """Runs all vectors through hosts that `make_host(world)` makes. Prints TAP."""
    groups = collections.defaultdict(list)
    number = failures = 0
    vectors, others = load()
    for vector in vectors:
        groups[vector.setting()].append(vector)
    for group in groups.values():
        world = World(group[0])
        host = make_host(world)
        for vector in group:
            number += 1
            fault = run_vector(vector, world, host, number)
            failures += fault is not None
            if fault:
                print(f"# {fault[:2000]}")
            print(f"{'not ok' if fault else 'ok'} {number} - {way}: {vector.name}")
        host.close()
        world.close()
    print(f"1..{number}\n# note: {number} vectors through {way}; {others} more are for in-process hosts")
    return 1 if failures or not number else 0
