"""A peer that answers as it is told: HTTP by the byte, slowly, endlessly or not at all.

Every server listens on a free port of 127.0.0.1. What it says to a path is a function
of the connection and the request; what no function is for is a 404.
"""
import re
import socket
import ssl
import struct
import threading
import time

STOP = threading.Event()
LONGEST = 60  # seconds that any answer goes on


class Server:
    """Calls `pages[path]` for each request; `hits` counts the connections."""

    def __init__(self, pages=None, context=None, family=socket.AF_INET, greet=None):
        self.pages, self.context, self.greet, self.hits = pages or {}, context, greet, 0
        self.socket = socket.socket(family)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(("127.0.0.1" if family == socket.AF_INET else "::1", 0))
        self.socket.listen(64)
        self.port = self.socket.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                connection = self.socket.accept()[0]
            except OSError:
                return
            self.hits += 1
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection):
        try:
            connection.settimeout(LONGEST)
            if self.greet:
                self.greet(connection, b"")
            if self.context:
                connection = self.context.wrap_socket(connection, server_side=True)
            self.answer(connection)
        except (OSError, ssl.SSLError):
            pass
        finally:
            connection.close()

    def answer(self, connection):
        head = b""
        while b"\r\n\r\n" not in head:
            got = connection.recv(4096)
            if not got:
                return
            head += got
        # Who closes with something unread breaks the connection.
        fields, _, body = head.partition(b"\r\n\r\n")
        length = re.search(rb"(?im)^content-length: *(\d+)", fields)
        while length and len(body) < int(length[1]):
            got = connection.recv(4096)
            if not got:
                return
            body, head = body + got, head + got
        path = head.split(b" ", 2)[1].decode().split("?")[0]
        self.pages.get(path, NOT_FOUND)(connection, head)

    def close(self):
        self.socket.close()


def page(body, status="200 OK", *fields):
    """An honest answer."""
    body = body.encode() if isinstance(body, str) else body
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Connection: close", *fields]
    return raw("\r\n".join(lines).encode() + b"\r\n\r\n" + body)


def raw(data):
    data = data.encode("latin-1") if isinstance(data, str) else data
    return lambda connection, head: connection.sendall(data)


def echo(connection, head):
    page(head)(connection, head)


def silence(connection, head):
    STOP.wait(LONGEST)


def drip(data, piece, pause=0.05):
    """Says `data`, then `piece` again and again with pauses."""
    def answer(connection, head):
        connection.sendall(data)
        end = time.monotonic() + LONGEST
        while time.monotonic() < end and not STOP.wait(pause):
            connection.sendall(piece)
    return answer


def endless(data, piece):
    """Says `data`, then `piece` as fast as it is read."""
    block = piece * max(1, 65536 // len(piece))

    def answer(connection, head):
        connection.sendall(data)
        end = time.monotonic() + LONGEST
        while time.monotonic() < end and not STOP.is_set():
            connection.sendall(block)
    return answer


def reset(data):
    """Says `data`, then breaks the connection."""
    def answer(connection, head):
        connection.sendall(data)
        time.sleep(0.1)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    return answer


def redirect(location, status="302 Found"):
    return page("", status, f"Location: {location}")


NOT_FOUND = page("", "404 Not Found")
