"""What the tests of the program share: TAP, the program run to its end, and a server."""
import http.client
import json
import os
import pty
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time

INVSRC = os.path.abspath(os.path.join(os.environ.get("BUILD", "build"), "invsrc"))
PATH = "/api/v2/storefront/inventory-sources"
AGENT = "https://agent.example/mcp"
# The folder of PostgreSQL's programs, where ours is to be tried on it.
POSTGRES = os.environ.get("TEST_POSTGRES")
LONGEST = 60  # seconds for a command, on a machine with other things to do

results = []


def check(good, name, detail=""):
    results.append(bool(good))
    print(f"{'ok' if good else 'not ok'} {len(results)} - {name}", flush=True)
    if not good:
        for line in str(detail).splitlines():
            print(f"#   {line}")


def done():
    print(f"1..{len(results)}")
    sys.exit(0 if results and all(results) else 1)


def body(name, **changes):
    """A good request; members that are changed to None are left out."""
    members = {"name": name, "type": "SALES", "endpointUrl": AGENT, "protocol": "MCP",
               "authenticationType": "NO_AUTH", **changes}
    return json.dumps({key: value for key, value in members.items() if value is not None})


def with_token(name, token, **changes):
    return body(name, authenticationType="API_KEY", auth={"type": "bearer", "token": token},
                **changes)


class Ended:
    """How a command ended."""

    def __init__(self, status, out, err):
        self.status, self.out, self.err = status, out, err

    def __str__(self):
        return f"status {self.status}\nout: {self.out}\nerr: {self.err}"

    def complains(self, status, *words):
        """It ended so, with one line on standard error, which has the words, and no output."""
        return (self.status == status and self.out == "" and self.err.count("\n") == 1 and
                self.err.startswith("invsrc: ") and all(word in self.err for word in words))


def run(*arguments, given="", **options):
    """The program, with text on its standard input."""
    try:
        ended = subprocess.run([INVSRC, *arguments], input=given.encode(), timeout=LONGEST,
                               stdout=options.pop("stdout", subprocess.PIPE),
                               stderr=subprocess.PIPE, **options)
    except subprocess.TimeoutExpired as late:
        return Ended("no end", (late.stdout or b"").decode(), (late.stderr or b"").decode())
    return Ended(ended.returncode, (ended.stdout or b"").decode(), ended.stderr.decode())


def on_terminal(*arguments):
    """The program with a terminal for standard output; what it shows there."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.execv(INVSRC, [INVSRC, *arguments])
    shown = b""
    while True:
        try:
            piece = os.read(terminal, 4096)
        except OSError:  # how Linux says that the other end is gone
            piece = b""
        if not piece:
            break
        shown += piece
    os.waitpid(pid, 0)
    os.close(terminal)
    return shown.decode().replace("\r\n", "\n")


def until(happens, seconds=LONGEST):
    """Asks again and again until it happens; what it came to, or the last answer."""
    end = time.monotonic() + seconds
    while not (found := happens()) and time.monotonic() < end:
        time.sleep(0.05)
    return found


class World:
    """A folder with a master key and a registry of one agent."""

    def __init__(self):
        self._folder = tempfile.TemporaryDirectory(prefix="invsrc-program-")
        self.folder = self._folder.name
        self.keys = self.write("master.keys", run("key", "generate").out)
        self.registry = self.write("registry.json",
                                   json.dumps({"agents": [{"url": AGENT}], "count": 1}))
        self.store = "sqlite:" + self.path("sources.db")
        if POSTGRES:
            self.database = f"world_{os.urandom(6).hex()}"
            subprocess.run([f"{POSTGRES}/createdb", self.database], check=True)
            self.store = f"postgres:dbname={self.database}"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._folder.cleanup()

    def path(self, name):
        return os.path.join(self.folder, name)

    def write(self, name, text, mode=0o600):
        path = self.path(name)
        with open(path, "wb") as file:
            os.fchmod(file.fileno(), mode)
            file.write(text if isinstance(text, bytes) else text.encode())
        return path

    def options(self, **changes):
        """The options of a host; those that are changed to None are left out."""
        given = {"store": self.store, "master-key-file": self.keys,
                 "registry": "file:" + self.registry}
        given.update({name.replace("_", "-"): value for name, value in changes.items()})
        return [word for name, value in given.items() if value is not None
                for word in (f"--{name}", value)]

    def count(self, what):
        """The sources in the database of which this is true."""
        if POSTGRES:
            return int(subprocess.run(
                [f"{POSTGRES}/psql", "-qAtXd", self.database, "-c",
                 f"SELECT count(*) FROM invsrc_sources WHERE {what}"],
                stdout=subprocess.PIPE, check=True).stdout)
        with sqlite3.connect(f"file:{self.path('sources.db')}?mode=ro", uri=True) as database:
            return database.execute(f"SELECT count(*) FROM sources WHERE {what}").fetchone()[0]

    def add_key(self, storefront="acme"):
        return run("apikey", "add", "--store", self.store, "--storefront", storefront).out.strip()


class Running:
    """A command that goes on until it is told to end; its log is in a file. `files` is how many
    files the system lets it have open."""

    def __init__(self, log, *arguments, files=None):
        with open(log, "wb"):
            pass
        self._log = open(log, "a+b")  # read from while it is written to
        limit = ["prlimit", f"--nofile={files}:{files}"] if files else []
        self.process = subprocess.Popen([*limit, INVSRC, *arguments], stdin=subprocess.DEVNULL,
                                        stdout=subprocess.PIPE, stderr=self._log)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()
        self._log.close()

    def log(self):
        self._log.seek(0)
        return self._log.read().decode()

    def events(self, name):
        """The lines of the log that have this for their event."""
        lines = [json.loads(line) for line in self.log().splitlines(True) if line.endswith("\n")]
        return [line for line in lines if line["event"] == name]

    def end(self, number=signal.SIGTERM):
        """Tells it to end; its exit status."""
        self.process.send_signal(number)
        return self.process.wait(timeout=LONGEST)


class Server(Running):
    """`invsrc serve`, on a port that it chooses."""

    def __init__(self, world, *arguments, files=None, **changes):
        super().__init__(world.path("log"), "serve",
                         *world.options(**{"listen": "127.0.0.1:0", **changes}), *arguments, files=files)
        self.said = []
        while not self.said or not self.said[-1].startswith("listening on "):
            line = self.process.stdout.readline().decode()
            if not line:
                raise RuntimeError(f"the server does not start: {self.log()}")
            self.said.append(line.rstrip("\n"))
        self.port = int(self.said[-1].rsplit(":", 1)[1])

    def open_files(self):
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def connect(self):
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=LONGEST)

    def send(self, method, path, key=None, content=None):
        """One exchange: status, headers, body."""
        connection = self.connect()
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        connection.request(method, path, content, headers)
        response = connection.getresponse()
        answer = response.status, response.headers, response.read().decode()
        connection.close()
        return answer
