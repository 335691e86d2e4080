"""Serves the review: a socket, a server, and in whose name."""

import getpass
import os
import socket
import sys
from urllib.parse import urlsplit

import uvicorn
from starlette.types import ASGIApp

from pairsift.errors import ConfigError

API_PATH = "/api"


def listen(host: str, port: int) -> tuple[socket.socket, str]:
    """Open the socket; return it with the address to open in a browser. ConfigError where it is taken or not ours."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listening = socket.create_server((host, port), family=family)
    except OSError as error:
        raise ConfigError(f"cannot listen on {host}, port {port}: {error.strerror}; choose another --port") from error
    name = f"[{host}]" if ":" in host else host
    return listening, f"http://{name}:{listening.getsockname()[1]}/"


def serve(app: ASGIApp, listening: socket.socket) -> None:
    """Answer requests until the process is told to stop."""
    sys.stdout.flush()  # what it says of the address
    config = uvicorn.Config(
        app, lifespan="off", log_level="warning", access_log=False, server_header=False, timeout_graceful_shutdown=3
    )
    uvicorn.Server(config).run(sockets=[listening])


def account() -> str:
    """Name whom the process works for."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"uid {os.getuid()}"


def prefect_address(asked: str | None) -> str | None:
    """Tell where the Prefect UI is: where it was asked for, else beside PREFECT_API_URL; None where neither says."""
    address = asked or os.environ.get("PREFECT_API_URL", "").rstrip("/").removesuffix(API_PATH)
    if not address:
        return None
    parts = urlsplit(address)
    if parts.scheme not in ("http", "https"):
        raise ConfigError("the address of the Prefect UI is none of http://… or https://…")
    return parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment="").geturl().rstrip("/")
