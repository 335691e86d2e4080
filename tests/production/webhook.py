"""A loopback web server that keeps the notifications it gets."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

from tests.production.processes import wait_until


class Webhook(ThreadingHTTPServer):
    """Keeps what is posted to it."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Receiver)
        self.posted: list[dict[str, str]] = []

    @property
    def url(self) -> str:
        """Where to post to."""
        return f"http://127.0.0.1:{self.server_port}/"

    def about(self, text: str, deadline_s: float = 60, since: int = 0) -> dict[str, str]:
        """Wait for a notification that holds a text, the first `since` ones left aside, and return it."""
        wait_until(f"a notification tells of {text}", lambda: self._about(text, since), deadline_s)
        return self._about(text, since)[0]

    def _about(self, text: str, since: int) -> list[dict[str, str]]:
        return [posted for posted in self.posted[since:] if text in " ".join(posted.values())]


class _Receiver(BaseHTTPRequestHandler):
    server: Webhook

    def do_POST(self) -> None:
        self.server.posted.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(204)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Say nothing on standard error."""


@contextmanager
def listening() -> Iterator[Webhook]:
    """Listen as long as the block lasts."""
    with Webhook() as webhook:
        thread = Thread(target=webhook.serve_forever)
        thread.start()
        try:
            yield webhook
        finally:
            webhook.shutdown()
            thread.join()
