import errno
import sqlite3

import httpx
import psycopg
import pytest
from sqlalchemy.exc import IntegrityError, OperationalError

from pairsift.errors import (
    Busy,
    ChunkDamagedError,
    ContainerDamagedError,
    Fenced,
    SourceChangedError,
    StorageDeniedError,
    StorageError,
)
from tasks.retrying import is_transient

LOCKED = sqlite3.OperationalError("database is locked")


def status_error(code: int) -> httpx.HTTPStatusError:
    request = httpx.Request("GET", "http://prefect.test/api")
    return httpx.HTTPStatusError("answered", request=request, response=httpx.Response(code, request=request))


@pytest.mark.parametrize(
    "error",
    [
        ConnectionResetError("peer"),
        TimeoutError("server"),
        OperationalError("UPDATE", {}, LOCKED),
        LOCKED,
        psycopg.OperationalError("server closed the connection"),
        OSError(errno.EIO, "input/output error"),
        OSError(errno.ESTALE, "stale file handle"),
        httpx.ConnectError("the Prefect server is restarting"),
        status_error(503),
        StorageError("the store did not answer"),
    ],
)
def test_what_may_pass_is_tried_again(error: BaseException):
    assert is_transient(error)


@pytest.mark.parametrize(
    "error",
    [
        SourceChangedError("a.tar changed"),
        ContainerDamagedError("a.tar is damaged"),
        ChunkDamagedError("chunk gone"),
        StorageDeniedError("no credentials"),
        Fenced("taken"),
        Busy("held"),
        ValueError("bug"),
        status_error(404),
        MemoryError(),
        FileNotFoundError(errno.ENOENT, "gone"),
        PermissionError(errno.EACCES, "not yours"),
        OSError(errno.ENOSPC, "disk full"),
        IntegrityError("INSERT", {}, sqlite3.IntegrityError("unique")),
        KeyboardInterrupt(),
    ],
)
def test_bad_data_a_full_disk_and_bugs_are_not(error: BaseException):
    assert not is_transient(error)
