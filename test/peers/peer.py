"""Starts the test peers that run on Node (*.mjs), and ends them."""
import os
import select
import subprocess
import sys
import time

FOLDER = os.environ.get("PEERS") or os.path.join(os.environ.get("BUILD", "build"), "peers")
PATIENCE = 60  # seconds until a peer listens or has ended


class Peer:
    """`Peer("mcp_server", "--auth", "none")` listens at its `url` until close()."""

    def __init__(self, name, *options):
        script = os.path.join(FOLDER, name + ".mjs")
        if not os.path.exists(os.path.join(FOLDER, "installed")) or not os.path.exists(script):
            sys.exit("not ok - make deps installs the test peers")
        # It ends with our end of the pipe, so that it outlives no killed test.
        self.command = ["node", script, "--stdin", *options]
        self.url = self.start() or self.start()
        if not self.url:
            raise RuntimeError(f"{' '.join(self.command)} does not listen")
        self.origin = "/".join(self.url.split("/")[:3])

    def start(self):
        """Its URL, or None and a note: Node was seen to hang once in some thousand starts."""
        self.process = subprocess.Popen(self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        line, end = b"", time.monotonic() + PATIENCE
        while not line.endswith(b"\n"):
            readable = select.select([self.process.stdout], [], [], max(0, end - time.monotonic()))[0]
            part = os.read(self.process.stdout.fileno(), 4096) if readable else b""
            if not part:
                print(f"# note: {' '.join(self.command)} does not listen", flush=True)
                self.process.kill()
                self.close()
                return None
            line += part
        return line.decode().split()[1]

    def close(self):
        """Its exit status."""
        self.process.terminate()
        try:
            status = self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            status = self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()
        return status

    def __enter__(self):
        return self

    def __exit__(self, *problem):
        self.close()
