"""A real MCP agent on the loopback, as small as can be, for the conformance vectors."""
import http.server
import json
import socket
import threading

PROTOCOL_VERSION = "2025-11-25"
RESULTS = {
    "initialize": {"protocolVersion": PROTOCOL_VERSION, "capabilities": {"tools": {}},
                   "serverInfo": {"name": "agent", "version": "1"}},
    "tools/list": {"tools": []},
}


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.server.refuses:
            self.answer(401)
        elif "id" not in request:
            self.answer(202)
        else:
            known = RESULTS.get(request["method"])
            outcome = ({"result": known} if known else
                       {"error": {"code": -32601, "message": "Method not found"}})
            self.answer(200, {"jsonrpc": "2.0", "id": request["id"], **outcome})

    def answer(self, status, value=None):
        body = b"" if value is None else json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class Agent:
    """One that "accepts" any credential, "refuses" each, or is "dead": the port is taken, and
    nobody listens there."""

    def __init__(self, kind):
        if kind == "dead":
            self._server = socket.socket()
            self._server.bind(("127.0.0.1", 0))
            port = self._server.getsockname()[1]
        else:
            self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
            self._server.daemon_threads = True
            self._server.refuses = kind == "refuses"
            threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
            port = self._server.server_port
        self.url = f"http://127.0.0.1:{port}/mcp"

    def close(self):
        if isinstance(self._server, socket.socket):
            self._server.close()
        else:
            self._server.shutdown()
            self._server.server_close()
