"""Conformance vectors (README.md) for ways in that are not C: reads them, makes
their worlds on disk and their agents on the loopback, and judges answers."""
import collections
import glob
import json
import os
import re
import sqlite3
import subprocess
import tempfile

import agent

HERE = os.path.dirname(os.path.abspath(__file__))
BUILD = os.environ.get("BUILD", "build")
INVSRC = os.path.join(BUILD, "invsrc")
AGENT = "https://agent.example/mcp"
TARGET = "/api/v2/storefront/inventory-sources"
FORMS = {
    "{{id}}": r"[1-9][0-9]{0,18}",
    "{{agentId}}": r"agent_[0-9A-HJKMNP-TV-Z]{26}",
    "{{newState}}": r"[A-Za-z0-9_-]{43}",
    "{{challenge}}": r"[A-Za-z0-9_-]{43}",
    "{{time}}": r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ",
}

# The failures that there are in earnest, and what to do to the database for them.
LOCKED = "BEGIN IMMEDIATE"  # and holds the lock
NO_SOURCES = "ALTER TABLE sources RENAME TO elsewhere"
BREAKS = {
    ("lookup", "unavailable"): None,  # the registry's file is spoilt
    ("insert", "unavailable"): LOCKED,
    ("update", "unavailable"): LOCKED,
    ("remove", "unavailable"): LOCKED,
    ("insert", "failed"): NO_SOURCES,
    ("get", "failed"): NO_SOURCES,
    ("list", "failed"): NO_SOURCES,
    ("authenticate", "failed"): "ALTER TABLE api_keys RENAME TO elsewhere",
}


def compact(value):
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


class Known:
    """What placeholders stand for in one vector, and the answers to its `before`."""

    def __init__(self, texts):
        self.texts = texts
        self.sources = []

    def fill(self, text):
        for name, value in self.texts.items():
            text = text.replace("{{" + name + "}}", value)
        return re.sub(r"\{\{([a-zA-Z]+)([0-9]+)\}\}",
                      lambda found: self.member(int(found[2]) - 1, found[1]), text)

    def member(self, number, name):
        source = self.sources[number]
        if name != "state":
            return source[name]
        url = source.get("authorizationUrl") or source["oauth"]["authorizationUrl"]
        return re.search(r"state=([^&]*)", url)[1]

    def add_answer(self, body):
        answer = json.loads(body) if body.startswith(b"{") else {}
        self.sources.append(answer.get("data", answer))

    def forms(self):
        """What other placeholders stand for, as regular expressions."""
        def other(member):
            old = [re.escape(source[member]) for source in self.sources if member in source]
            return f'(?!(?:{"|".join(old)})")' if old else ""
        return {**FORMS, "{{newId}}": other("id") + FORMS["{{id}}"],
                "{{newAgentId}}": other("agentId") + FORMS["{{agentId}}"]}


class Vector:
    def __init__(self, data, number):
        self.number = number
        self.name = data["name"]
        self.world = data.get("world", {})
        self.request = data["request"]
        self.response = data["response"]
        self.then = data.get("then", [])
        repeat = data.get("repeat", {"of": "", "times": 0})
        self.repeated = repeat["of"] * repeat["times"]
        self.needs_other_key = "{{otherKey}}" in compact(data)

    def agent(self):
        return self.world.get("agent")

    def options(self):
        allowed = {"allowHttp": True, "allowPrivate": True} if self.agent() else {}
        return {**self.world.get("options", {}), **allowed}

    def registered(self):
        return [url.replace("{{repeat}}", self.repeated)
                for url in self.world.get("registered", [AGENT])]

    def setting(self):
        """What a world needs before it starts. Vectors of one setting may share it, but one
        that breaks it has it for itself."""
        return compact([self.options(), self.registered(), self.agent(),
                        self.number if "fail" in self.world else None])

    def before(self):
        return self.world.get("before", [])

    def exchanges(self):
        """What is asked, and how it is to be answered."""
        return [(self.request, self.response)] + [(then["request"], then["response"])
                                                  for then in self.then]

    @staticmethod
    def judge(known, response, status, headers, body):
        """What is wrong with an answer, or None."""
        pattern = re.escape(known.fill(body_of(response)))
        for placeholder, form in known.forms().items():
            pattern = pattern.replace(re.escape(placeholder), form)
        if status != response["status"]:
            return f"status {status}: {body.decode()}"
        if not re.fullmatch(pattern, body.decode()):
            return f"body {body.decode()}"
        for name, value in response.get("headers", {}).items():
            if headers.get(name) != value:
                return f"{name}: {headers.get(name)}"
        return None


def body_of(message):
    return compact(message["json"]) if "json" in message else message.get("text", "")


def to_send(request, known):
    """Method, target, headers and body of a request."""
    headers = request.get("headers", [["Authorization", "Bearer {{key}}"],
                                      ["Content-Type", "application/json"]])
    return (request.get("method", "POST"), known.fill(request.get("target", TARGET)),
            [(name, known.fill(value)) for name, value in headers],
            known.fill(body_of(request)).encode())


class World:
    """What a host needs: database, master keys, registry, agent."""

    def __init__(self, vector):
        self._folder = tempfile.TemporaryDirectory(prefix="invsrc-vectors-")
        self.database = os.path.join(self._folder.name, "sources.db")
        self.key_file = os.path.join(self._folder.name, "master.keys")
        self.registry = os.path.join(self._folder.name, "registry.json")
        self.options = vector.options()
        self._broken = []
        self.agent = agent.Agent(vector.agent()) if vector.agent() else None
        with open(os.open(self.key_file, os.O_WRONLY | os.O_CREAT, 0o600), "wb") as file:
            file.write(subprocess.check_output([INVSRC, "key", "generate"]))
        urls = vector.registered() + ([self.agent.url] if self.agent else [])
        agents = [{"url": url} for url in urls]
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
        if self.agent:
            self.agent.close()
        self._folder.cleanup()


def load():
    """All vectors; and how many more there are whose world needs a host's own process."""
    vectors = []
    for path in sorted(glob.glob(os.path.join(HERE, "*.json"))):
        with open(path, encoding="utf-8") as file:
            vectors += [Vector(data, len(vectors) + i) for i, data in enumerate(json.load(file))]
    possible = [vector for vector in vectors if not vector.world.get("inProcess")]
    return possible, len(vectors) - len(possible)


def run_vector(vector, world, host):
    """Each vector has two storefronts of its own, so that they do not meet."""
    known = Known({"repeat": vector.repeated, "key": host.add_key(f"storefront-{vector.number}")})
    if vector.needs_other_key:
        known.texts["otherKey"] = host.add_key(f"other-storefront-{vector.number}")
    if world.agent:
        known.texts["agent"] = world.agent.url
    for request in vector.before():
        status, _, answer = host.send(*to_send(request, known))
        if not 200 <= status <= 299:
            return f"before: {answer.decode()}"
        known.add_answer(answer)
    if "fail" in vector.world:
        world.fail(vector.world["fail"]["effect"], vector.world["fail"]["outcome"])
    faults = (vector.judge(known, response, *host.send(*to_send(request, known)))
              for request, response in vector.exchanges())
    return next((fault for fault in faults if fault), None)


def run(way, make_host):
    """Runs all vectors through hosts that `make_host(world)` makes. Prints TAP."""
    groups = collections.defaultdict(list)
    count = failures = 0
    vectors, others = load()
    for vector in vectors:
        groups[vector.setting()].append(vector)
    for group in groups.values():
        world = World(group[0])
        host = make_host(world)
        for vector in group:
            count += 1
            fault = run_vector(vector, world, host)
            failures += fault is not None
            if fault:
                print(f"# {fault[:2000]}")
            print(f"{'not ok' if fault else 'ok'} {count} - {way}: {vector.name}")
        host.close()
        world.close()
    print(f"1..{count}\n# note: {count} vectors through {way}; {others} more are for in-process hosts")
    return 1 if failures or not count else 0
