"""Which errors are worth another try: those of a network, a database or a disk that may have passed."""

import errno
from typing import Any

from prefect.client.schemas.objects import State, TaskRun
from prefect.tasks import Task
from sqlalchemy.exc import InterfaceError, OperationalError

TRANSIENT_ERRNOS = frozenset({errno.EAGAIN, errno.EBUSY, errno.EINTR, errno.EIO, errno.ESTALE, errno.ENETDOWN})
RETRIES = 3
RETRY_DELAYS_S = [1.0, 5.0, 20.0]


def is_transient(error: BaseException) -> bool:
    """Say whether the same call may succeed later. Bad data, a missing file or a full disk will not."""
    if isinstance(error, ConnectionError | TimeoutError | OperationalError | InterfaceError):
        return True
    return isinstance(error, OSError) and error.errno in TRANSIENT_ERRNOS


def retry_if_transient(task: Task[Any, Any], task_run: TaskRun, state: State[Any]) -> bool:  # noqa: ARG001 - Prefect's
    """Tell Prefect whether to run a failed task again."""
    return isinstance(state.data, BaseException) and is_transient(state.data)
