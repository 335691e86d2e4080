"""Which errors are worth another try: those of a network, a database or a disk that may have passed."""

import errno
from concurrent.futures.process import BrokenProcessPool
from typing import Any, TypedDict

import httpx
from pebble import ProcessExpired
from prefect.cache_policies import NO_CACHE, CachePolicy
from prefect.client.schemas.objects import State, TaskRun
from prefect.tasks import RetryConditionCallable, Task

from pairsift.adapters.store.engine import transient
from pairsift.errors import StorageError

PASSING = (ConnectionError, TimeoutError, httpx.TransportError, ProcessExpired, BrokenProcessPool, StorageError)

TRANSIENT_ERRNOS = frozenset({errno.EAGAIN, errno.EBUSY, errno.EINTR, errno.EIO, errno.ESTALE, errno.ENETDOWN})


def is_transient(error: BaseException) -> bool:
    """Say whether the same call may succeed later. Bad data, a missing file or a full disk will not.

    ProcessExpired, BrokenProcessPool: a process beside this one was killed; the next call starts others. StorageError:
    the library of an object store has asked for seconds and given up.
    """
    if isinstance(error, PASSING) or transient(error):
        return True
    if isinstance(error, httpx.HTTPStatusError):  # Prefect's client raises its own kind of it
        return error.response.is_server_error
    return isinstance(error, OSError) and error.errno in TRANSIENT_ERRNOS


def retry_if_transient(task: Task[..., Any], task_run: TaskRun, state: State[Any]) -> bool:  # noqa: ARG001 - Prefect's
    """Tell Prefect whether to run a failed task again."""
    return isinstance(state.data, BaseException) and is_transient(state.data)


class StageOptions(TypedDict):
    """Options of `task` that all stages share."""

    retries: int
    retry_delay_seconds: list[float]
    retry_condition_fn: RetryConditionCallable
    cache_policy: CachePolicy
    persist_result: bool


STAGE = StageOptions(
    retries=3,
    retry_delay_seconds=[1.0, 5.0, 20.0],
    retry_condition_fn=retry_if_transient,
    cache_policy=NO_CACHE,  # the ledger in SQL says what is done, not Prefect
    persist_result=False,
)
