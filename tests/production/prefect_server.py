"""A real Prefect server for the test bed, with its services, on a free port and a database on PostgreSQL."""

import socket
from pathlib import Path

import httpx

from tests.production.processes import PREFECT, Logged, inherited, started, tail, wait_until

START_S = 120


class PrefectServer:
    """The server at `api_url`; it can be killed and started again, and is the same to its clients."""

    def __init__(self, home: Path, database_url: str, log: Path) -> None:
        self._port = free_port()
        self._home = home
        self._log = log
        self._variables = {
            **inherited(),
            "PREFECT_HOME": str(home),
            "PREFECT_SERVER_DATABASE_CONNECTION_URL": database_url,
            "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": "prefect.server.concurrency.lease_storage.filesystem",
            "PREFECT_API_URL": self.api_url,
            "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        }
        self._running: Logged | None = None

    @property
    def ui_url(self) -> str:
        """Where people look."""
        return f"http://127.0.0.1:{self._port}"

    @property
    def api_url(self) -> str:
        """Where clients and workers talk to it."""
        return f"{self.ui_url}/api"

    def start(self) -> None:
        """Start, and wait until it answers."""
        self._home.mkdir(parents=True, exist_ok=True)
        command = [str(PREFECT), "server", "start", "--host", "127.0.0.1", "--port", str(self._port)]
        self._running = started(command, self._variables, self._home, self._log)
        wait_until("the Prefect server answers", self._answers, START_S)

    def kill(self) -> None:
        """Kill it without a word."""
        if self._running is not None:
            self._running.kill_family()

    def stop(self) -> None:
        """Let it end in order."""
        if self._running is not None:
            self._running.terminate()
            self._running.kill_family()

    def _answers(self) -> bool:
        assert self._running is not None
        assert self._running.process.poll() is None, f"the Prefect server ended:\n{tail(self._log)}"
        try:
            return httpx.get(f"{self.api_url}/health", timeout=5).is_success
        except httpx.TransportError:
            return False


def free_port() -> int:
    """Find a port of the loopback address that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
