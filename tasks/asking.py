"""Ask Prefect's server for what a run can do without: a server that is away costs seconds, never the run."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from httpx import HTTPError
from prefect import get_client, get_run_logger
from prefect.client.orchestration import SyncPrefectClient
from prefect.exceptions import PrefectException
from prefect.settings import PREFECT_CLIENT_MAX_RETRIES, temporary_settings

Answer = TypeVar("Answer")

TIMEOUT_S = 3.0
TRIES_AGAIN = 1
"""A server on SQLite answers 503 now and then; Prefect's client tries again after two seconds. By default it would do
so for a minute."""
PAUSE_S = 60.0
"""How long a server that did not answer is left alone."""


@dataclass
class Outage:
    """Whether the server was found away, and until when it is not asked again."""

    asked_again_at: float | None = None


_outage = Outage()


def ask(question: Callable[[SyncPrefectClient], Answer]) -> Answer | None:
    """Put a question to the server; None where it does not answer, with one warning in the log for each outage."""
    if _outage.asked_again_at is not None and time.monotonic() < _outage.asked_again_at:
        return None
    try:
        with (
            temporary_settings({PREFECT_CLIENT_MAX_RETRIES: TRIES_AGAIN}),
            get_client(httpx_settings={"timeout": TIMEOUT_S}, sync_client=True) as client,
        ):
            answer = question(client)
    except (HTTPError, PrefectException) as error:
        if _outage.asked_again_at is None:
            get_run_logger().warning("Prefect's server does not take what is to be shown; the run goes on: %s", error)
        _outage.asked_again_at = time.monotonic() + PAUSE_S
        return None
    _outage.asked_again_at = None
    return answer
