"""A PostgreSQL server of a test's own, in a temporary folder, and what the tests with one share.

initdb and the server refuse to run as root, so root becomes the user postgres for them. They
end with the test, however it ends.
"""
import glob
import os
import pwd
import re
import shutil
import signal
import subprocess
import tempfile
import time

PATIENCE = 60  # seconds
SETTINGS = {"listen_addresses": "''", "fsync": "off", "max_connections": "200",
            "shared_buffers": "32MB", "log_min_messages": "fatal"}


def programs():
    """The folder of the newest server that is installed."""
    folders = glob.glob("/usr/lib/postgresql/*/bin")
    if folders:
        return max(folders, key=lambda path: int(re.findall(r"\d+", path)[0]))
    return os.path.dirname(os.path.realpath(shutil.which("postgres")))


class Cluster:
    """Begins as a server that runs; `with` ends it and takes its folder away."""

    def __init__(self, **settings):
        self.bin = programs()
        self.settings = {**SETTINGS, **settings}
        self.folder = tempfile.mkdtemp(prefix="invsrc-pg-", dir="/tmp")  # a socket's path is short
        self.data = os.path.join(self.folder, "data")
        self.server = None
        self.prefix = ["setpriv", "--pdeathsig", "QUIT"]
        if os.geteuid() == 0:
            user = pwd.getpwnam("postgres")
            os.chown(self.folder, user.pw_uid, user.pw_gid)
            self.prefix += [f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"]
        os.chmod(self.folder, 0o755)
        self._must(f"{self.bin}/initdb", "-D", self.data, "-U", "postgres", "-A", "trust",
                   "-E", "UTF8", "--locale=C", "--no-sync")
        with open(os.path.join(self.data, "pg_hba.conf"), "a", encoding="utf-8") as rules:
            rules.write("host all all samenet trust\n")
        self.start()

    def __enter__(self):
        return self

    def __exit__(self, *problem):
        if self.server:
            self.stop("immediate")
        shutil.rmtree(self.folder, ignore_errors=True)

    def _must(self, *command):
        done = subprocess.run([*self.prefix, *command], stdin=subprocess.DEVNULL, cwd="/",
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              timeout=PATIENCE, check=False)
        if done.returncode != 0:
            raise RuntimeError(f"{command[0]}: {done.stdout}")
        return done.stdout

    @property
    def environment(self):
        """What libpq's programs, and ours, find the server by."""
        mine = {key: value for key, value in os.environ.items() if not key.startswith("PG")}
        return dict(mine, PGHOST=self.folder, PGPORT=self.settings.get("port", "5432"),
                    PGUSER="postgres", PGDATABASE="postgres")

    @property
    def conninfo(self):
        return f"host={self.folder} user=postgres dbname=postgres"

    def start(self):
        options = [f"--{name}={value.strip(chr(39))}" for name, value in self.settings.items()]
        with open(os.path.join(self.folder, "log"), "ab") as log:
            self.server = subprocess.Popen(
                [*self.prefix, f"{self.bin}/postgres", "-D", self.data, "-k", self.folder, *options],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd="/")
        end = time.monotonic() + PATIENCE
        while not self.answers():
            if self.server.poll() is not None or time.monotonic() > end:
                with open(os.path.join(self.folder, "log"), encoding="utf-8") as log:
                    raise RuntimeError(f"the server does not start: {log.read()[-2000:]}")
            time.sleep(0.05)

    def answers(self):
        return subprocess.run([f"{self.bin}/pg_isready", "-q"], env=self.environment,
                              check=False).returncode == 0

    def stop(self, mode="fast"):
        """fast: connections are cut and all is written; immediate: as in a crash."""
        self.server.send_signal({"fast": signal.SIGINT, "immediate": signal.SIGQUIT}[mode])
        self.server.wait(PATIENCE)
        self.server = None

    def restart(self, mode="fast"):
        self.stop(mode)
        self.start()

    def sql(self, text, database="postgres"):
        """What psql prints of it: a line for each row, | between columns."""
        done = subprocess.run([f"{self.bin}/psql", "-qAtX", "-v", "ON_ERROR_STOP=1", "-d", database,
                               "-c", text], env=self.environment, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True, timeout=PATIENCE, check=False)
        if done.returncode != 0:
            raise RuntimeError(done.stderr)
        return done.stdout.strip()
