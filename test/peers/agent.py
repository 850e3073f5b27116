"""A small agent of the tests, for many sources at once."""
import asyncio
import json
import re
import threading
import time

TOKEN = "secret-of-all"
FOREVER = 120  # seconds; no test waits as long


class Agent:
    """A small MCP agent, a source at each path, that remembers when it was asked first by whom.
    Below /drip it sends a byte now and then, and below /hang the first request gets no answer."""

    ANSWERS = {"initialize": {"protocolVersion": "2025-11-25", "capabilities": {},
                              "serverInfo": {"name": "many", "version": "1"}},
               "tools/list": {"tools": []}}

    def __init__(self, address="127.0.0.1"):
        self.address = address
        self.discovered = {}  # path to the times of its first requests, one for each probe
        self.loop = asyncio.new_event_loop()
        listening = threading.Event()
        threading.Thread(target=self._run, args=(listening,), daemon=True).start()
        listening.wait()

    def _run(self, listening):
        asyncio.set_event_loop(self.loop)
        server = self.loop.run_until_complete(
            asyncio.start_server(self._serve, self.address, 0, backlog=1024))
        self.url = f"http://{self.address}:{server.sockets[0].getsockname()[1]}"
        listening.set()
        self.loop.run_forever()

    async def _serve(self, reader, writer):
        try:
            while await self._answer(reader, writer):
                pass
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        writer.close()

    async def _answer(self, reader, writer):
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        path = head.split(" ")[1]
        length = int((re.search(r"(?i)^content-length: (\d+)", head, re.M) or [0, 0])[1])
        message = json.loads(await reader.readexactly(length) or b"{}")
        method = message.get("method")
        allowed = f"Bearer {TOKEN}" in head
        if method == "server/discover" and allowed:
            times = self.discovered.setdefault(path, [])
            times.append(time.monotonic())
            if path.startswith("/hang/") and len(times) == 1:
                await asyncio.sleep(FOREVER)
        if path.startswith("/drip/"):
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n")
            while True:
                writer.write(b" ")
                await writer.drain()
                await asyncio.sleep(0.5)
        writer.write(self._reply(message, method, allowed))
        await writer.drain()
        return True

    def _reply(self, message, method, allowed):
        if not allowed:
            status, answer = "401 Unauthorized", {}
        elif "id" not in message:
            status, answer = "202 Accepted", None
        elif method in self.ANSWERS:
            status = "200 OK"
            answer = {"jsonrpc": "2.0", "id": message["id"], "result": self.ANSWERS[method]}
        else:
            status = "404 Not Found"
            answer = {"jsonrpc": "2.0", "id": message["id"],
                      "error": {"code": -32601, "message": "no such method"}}
        text = json.dumps(answer).encode() if answer is not None else b""
        return (f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\n"
                f"Content-Length: {len(text)}\r\n\r\n").encode() + text
