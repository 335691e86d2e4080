"""A real S3 API for tests (moto's server), and a proxy before it that fails as networks and stores do."""

import http.client
import logging
import os
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal
from urllib.parse import unquote

import fsspec
from fsspec.config import conf
from moto.server import ThreadedMotoServer

HOST = "127.0.0.1"
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing"}
HOP_BY_HOP = {"connection", "transfer-encoding", "content-length", "keep-alive", "date", "server"}


@dataclass(frozen=True)
class Request:
    """One request as it came in, the status of its answer, and the bytes `sent` of the answer's body."""

    method: str
    key: str
    query: str
    headers: dict[str, str]
    status: int
    sent: int


@dataclass(frozen=True)
class Answer:
    """What the store says to a request."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes


@dataclass(frozen=True)
class Fault:
    """What happens to an answer: another `status` in its place, a body shortened, sent in part, or ended oddly."""

    status: int | None = None
    shortened: int = 0
    kept: int | None = None
    end: Literal["", "close", "reset", "stall"] = ""


NO_FAULT = Fault()


@dataclass(frozen=True)
class Planned:
    """A fault that awaits a request: its method, and what its key ends with and its query holds."""

    method: str
    key: str
    query: str
    fault: Fault

    def fits(self, method: str, key: str, query: str) -> bool:
        return method == self.method and key.endswith(self.key) and self.query in query


@dataclass
class Store:
    """A bucket behind a proxy: what was asked of it, and the faults that the next requests meet."""

    endpoint: str = ""
    requests: list[Request] = field(default_factory=list)
    _planned: list[Planned] = field(default_factory=list)
    _cut_request: list[tuple[str, int]] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def fail(self, method: str, key: str, fault: Fault, times: int = 1, query: str = "") -> None:
        """Let the next requests of a method, whose key ends like this, meet a fault."""
        self._planned += [Planned(method, key, query, fault)] * times

    def cut_uploads(self, key: str, kept: int) -> None:
        """Let the next upload of a key arrive cut, as though it were whole."""
        self._cut_request.append((key, kept))

    def cut_of(self, method: str, key: str) -> int | None:
        """Take the cut that is planned for an upload."""
        with self._lock:
            planned = [cut for cut in self._cut_request if method == "PUT" and key.endswith(cut[0])]
            if planned:
                self._cut_request.remove(planned[0])
            return planned[0][1] if planned else None

    def fault_of(self, method: str, key: str, query: str) -> Fault:
        """Take the fault that is planned for a request."""
        with self._lock:
            planned = [planned for planned in self._planned if planned.fits(method, key, query)]
            if planned:
                self._planned.remove(planned[0])
            return planned[0].fault if planned else NO_FAULT

    def asked(self, method: str, key: str = "") -> list[Request]:
        """List the requests of a method for keys that end like this."""
        return [request for request in self.requests if request.method == method and request.key.endswith(key)]

    def forget(self) -> None:
        """Forget what was asked, and plan no more faults."""
        self.requests.clear()
        self._planned.clear()
        self._cut_request.clear()

    @property
    def system(self) -> Any:
        """The bucket's files, past the proxy's faults but through it."""
        return fsspec.filesystem("s3", use_listings_cache=False)

    def names(self) -> list[str]:
        """List what is in the bucket."""
        return sorted(path.removeprefix("bucket/") for path in self.system.find("bucket"))


def status(code: int) -> Fault:
    """Answer with an error of the store, which does nothing."""
    return Fault(status=code)


def reset(after: int) -> Fault:
    """Send so many bytes of the body under its full length, then reset the connection."""
    return Fault(kept=after, end="reset")


def cut(after: int) -> Fault:
    """Send so many bytes of the body under its full length, then close the connection in good order."""
    return Fault(kept=after, end="close")


def stall(after: int) -> Fault:
    """Send so many bytes of the body, then nothing until the other side gives up."""
    return Fault(kept=after, end="stall")


def shorten(by: int) -> Fault:
    """Send a shorter body under its own length, as a cache does that has lost the end."""
    return Fault(shortened=by)


lose_answer = Fault(kept=-1, end="reset")
"""Let the store do what it was asked, and reset the connection without a word."""

_CODES = {403: "AccessDenied", 500: "InternalError", 501: "NotImplemented", 503: "ServiceUnavailable"}


def _refusal(code: int) -> Answer:
    body = f"<Error><Code>{_CODES[code]}</Code><Message>planned</Message></Error>".encode()
    return Answer(code, [("Content-Type", "application/xml")], body)


class _Handler(BaseHTTPRequestHandler):
    """Passes a request on to the store, and its answer back, or a fault in its place."""

    protocol_version = "HTTP/1.1"
    store: Store
    behind: tuple[str, int]

    def answer(self) -> None:
        path, _, query = self.path.partition("?")
        key = unquote(path).removeprefix("/bucket/")
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        fault = self.store.fault_of(self.command, key, query)
        answer = self._ask(key, body) if fault.status is None else _refusal(fault.status)
        answer = replace(answer, body=answer.body[: len(answer.body) - fault.shortened])
        sent = answer.body if fault.kept is None else answer.body[: max(fault.kept, 0)]
        sent = b"" if self.command == "HEAD" else sent
        self.store.requests.append(Request(self.command, key, query, dict(self.headers), answer.status, len(sent)))
        if fault.kept != lose_answer.kept:
            self._send(answer, sent)
        self._end(fault)

    do_GET = do_PUT = do_HEAD = do_POST = do_DELETE = answer  # noqa: N815 - the names of http.server

    def _ask(self, key: str, body: bytes) -> Answer:
        """Pass a request on to the store."""
        kept = self.store.cut_of(self.command, key)
        checks = ("content-md5", "x-amz-checksum", "x-amz-sdk-checksum") if kept is not None else ("-",)
        headers = {
            name: value
            for name, value in self.headers.items()
            if name.lower() not in HOP_BY_HOP and not name.lower().startswith(checks)
        }
        store = http.client.HTTPConnection(*self.behind)
        try:
            store.request(self.command, self.path, body[:kept], headers)
            answer = store.getresponse()
            return Answer(answer.status, answer.getheaders(), answer.read())
        finally:
            store.close()

    def _send(self, answer: Answer, sent: bytes) -> None:
        """Send an answer with its full length, and so much of its body."""
        self.send_response_only(answer.status)
        length = len(answer.body)
        for name, value in answer.headers:
            if name.lower() not in HOP_BY_HOP:
                self.send_header(name, value)
            if self.command == "HEAD" and name.lower() == "content-length":
                length = int(value)
        self.send_header("Content-Length", str(length))
        self.end_headers()
        self.wfile.write(sent)

    def _end(self, fault: Fault) -> None:
        self.close_connection = self.close_connection or fault.end != ""
        if fault.end == "stall":
            self.connection.settimeout(60)
            with suppress(OSError):
                self.connection.recv(1)  # comes to an end when the other side gives up
        if fault.end == "reset":  # closed while nothing may linger, a connection is not ended in good order
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            for file in (self.rfile, self.wfile, self.connection):
                file.close()

    def handle(self) -> None:
        with suppress(ConnectionError, ValueError):  # the other side gave up, or a fault has closed the files
            super().handle()

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64


@contextmanager
def open_store() -> Iterator[Store]:
    """Start a store, and the proxy before it."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    moto = ThreadedMotoServer(HOST, 0, verbose=False)
    moto.start()
    store = Store()
    handler = type("Handler", (_Handler,), {"store": store, "behind": moto.get_host_and_port()})
    proxy = _Server((HOST, 0), handler)
    threading.Thread(target=proxy.serve_forever, daemon=True).start()
    store.endpoint = f"http://{HOST}:{proxy.server_address[1]}"
    yield store
    proxy.shutdown()
    proxy.server_close()
    moto.stop()


@contextmanager
def emptied(store: Store) -> Iterator[Store]:
    """Point fsspec's S3 at a store, with an empty bucket named `bucket` in it."""
    before = {name: os.environ.get(name) for name in CREDENTIALS}
    os.environ.update(CREDENTIALS)
    conf["s3"] = {"endpoint_url": store.endpoint, "config_kwargs": {"read_timeout": 0.5}}
    try:
        store.forget()
        store.system.mkdir("bucket")
        store.requests.clear()
        yield store
        store.forget()
        store.system.rm("bucket", recursive=True)
    finally:
        del conf["s3"]
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})
