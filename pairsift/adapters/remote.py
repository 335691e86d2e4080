"""Files behind fsspec: their stores opened in one way, reads that are whole, and faults told apart.

Tries again are the library's alone, in one layer: s3fs asks five times, also in the middle of a body; botocore, which
s3fs calls and which cannot ask for a body again, asks once. What fails all the same is a StorageError, never a short
read: to whoever reads a picture, bytes that are missing look like a picture that is damaged.
"""

import io
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, BinaryIO

import fsspec.core
from fsspec.config import conf

from pairsift.addresses import masked, refuse_secrets
from pairsift.errors import SourceChangedError, SourceError, StorageDeniedError, StorageError

BLOCK_BYTES = 8 << 20
"""Read ahead at a time: some 100 pictures, so that a round trip of 30 ms costs a pair a third of a millisecond."""

NEAR_BYTES = 1 << 20
"""A range that begins no further behind the one before it is read on with it."""

WEB = ("http", "https", "ftp")
"""What Pairsift never reads pairs from."""

S3 = ("s3", "s3a")

_VERSION_FIELDS = ("ETag", "etag", "md5Hash", "content_md5", "LastModified", "last_modified", "mtime", "created")
"""Where fsspec's file systems keep what changes with a file, the surest first."""

_FOREIGN = (
    ("botocore.exceptions", "BotoCoreError"),
    ("botocore.exceptions", "ClientError"),
    ("aiohttp", "ClientError"),
    ("gcsfs.retry", "HttpError"),
    ("azure.core.exceptions", "AzureError"),
)
"""Roots of what the stores' libraries raise besides OSError, looked for only where they are loaded."""

_REFUSED = ("NoCredentialsError", "PartialCredentialsError", "CredentialRetrievalError", "ParamValidationError")
_PASSING = frozenset({429, 500, 502, 503, 504})
"""HTTP statuses of a fault of the store's own: the same request may do later."""

_BROKEN = ("EndpointConnectionError", "ConnectionClosedError", "FlexibleChecksumError")
"""What botocore raises of a connection that was refused or broke, and of an answer that its checksum belies."""


def open_system(uri: str) -> tuple[Any, str]:
    """Open fsspec's file system of a URI, its listings fresh, and name the URI's file in it.

    SourceError where the protocol is unknown, needs a package, or is the web's; ConfigError where a secret is in it.
    """
    protocol = refuse_secrets(uri).partition(":")[0].lower()
    if protocol in WEB or any(f"::{web}://" in uri for web in WEB):
        raise SourceError(f"{uri}: Pairsift fetches nothing from the web: fetch it first, pairs with img2dataset")
    try:
        system, path = fsspec.core.url_to_fs(uri, **_options(uri))
    except (ValueError, ImportError) as error:
        raise SourceError(f"cannot open {uri}: {error}") from error
    system.invalidate_cache()  # what was listed earlier in this process may have changed since
    if is_s3(system):
        sys.modules["s3fs.core"].set_custom_error_handler(_may_pass)
    return system, path


def is_s3(system: Any) -> bool:  # noqa: ANN401 - fsspec is untyped
    """Say whether a file system is of an S3 store."""
    return "s3" in system.protocol


def version_of(system: Any, path: str, info: Mapping[str, Any]) -> str:  # noqa: ANN401 - fsspec is untyped
    """Tell what changes with a file, by what its file system says of it."""
    versions = [f"{field}={info[field]}" for field in _VERSION_FIELDS if info.get(field)]
    return versions[0] if versions else str(system.ukey(path))


@contextmanager
def answering(uri: str) -> Iterator[None]:
    """Name what a store's library raises: StorageDeniedError, StorageError; a missing file is a FileNotFoundError."""
    try:
        yield
    except (FileNotFoundError, FileExistsError, IsADirectoryError):
        raise
    except _faults() as error:
        told = masked(f"{type(error).__name__}: {error}")
        if isinstance(error, PermissionError) or type(error).__name__ in _REFUSED:
            raise StorageDeniedError(
                f"{uri}: the store refuses ({told}): check the address, the credentials and what they allow"
            ) from error
        raise StorageError(
            f"{uri}: the store did not answer as it should, however often it was asked ({told}): run again"
        ) from error


def open_remote(uri: str) -> BinaryIO:
    """Open a file for reading in blocks; FileNotFoundError where it is not there.

    SourceChangedError from the read that finds the file changed since it was opened.
    """
    ranges = _Ranges(uri)
    return io.BufferedReader(ranges, max(min(BLOCK_BYTES, ranges.size), 1))


def read_range(uri: str, offset: int, size: int) -> bytes:
    """Read a range, shorter only where the file ends before it; FileNotFoundError where there is no file.

    It is one request of exactly that range. Ranges that follow each other closely, as the members of a tar do that
    are read in order, come out of blocks read ahead.
    """
    follows = _last.uri == uri and 0 <= offset - _last.end <= NEAR_BYTES
    stream = _last.stream if follows else None
    _last.uri, _last.stream = "", None  # whatever happens now, the next read begins anew
    if not follows:
        data = _read_exactly(uri, offset, size)
    else:
        stream = stream or open_remote(uri)
        stream.seek(offset)
        data = stream.read(size)
    _last.uri, _last.end, _last.stream = uri, offset + size, stream
    return data


class _Last(threading.local):
    """What this thread read last, and the blocks it is reading on in."""

    uri: str = ""
    end: int = 0
    stream: BinaryIO | None = None


_last = _Last()


class _Ranges(io.RawIOBase):
    """A file by range requests: the raw side of a buffered stream, which the standard library wants as a class."""

    def __init__(self, uri: str) -> None:
        self._uri = uri
        self._system, self._name = open_system(uri)
        self._place = 0
        with answering(uri):
            # On S3 every request of such a file says If-Match: all its blocks are of one version.
            self._file = self._system.open(self._name, "rb", cache_type="none")
            facts = getattr(self._file, "details", None) or self._system.info(self._name)
        self._version = version_of(self._system, self._name, facts)
        self.size: int = facts["size"]

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._place

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._place, io.SEEK_END: self.size}[whence]
        self._place = max(start + offset, 0)
        return self._place

    def readinto(self, buffer: Any) -> int:  # noqa: ANN401 - a writable buffer, which has no name before Python 3.12
        wanted = min(len(buffer), self.size - self._place)
        if wanted <= 0:
            return 0
        buffer[:wanted] = self._fetch(wanted)
        self._place += wanted
        return wanted

    def _fetch(self, wanted: int) -> bytes:
        try:
            with answering(self._uri):
                self._file.seek(self._place)
                data: bytes = self._file.read(wanted)
            if len(data) != wanted:
                raise _short(self._uri, len(data), wanted, self._place)
        except (StorageError, FileNotFoundError) as error:
            if self._version != _version_now(self._uri):
                raise SourceChangedError(f"{self._uri} changed while it was being read: run again") from error
            raise
        return data


def _version_now(uri: str) -> str | None:
    """Tell a file's version as it is now; None where it is gone."""
    system, name = open_system(uri)
    try:
        with answering(uri):
            return version_of(system, name, system.info(name))
    except FileNotFoundError:
        return None


def _read_exactly(uri: str, offset: int, size: int) -> bytes:
    if size == 0:
        return b""
    system, name = open_system(uri)
    try:
        with answering(uri):
            data: bytes = system.cat_file(name, start=offset, end=offset + size)
        if len(data) != size:
            raise _short(uri, len(data), size, offset)
    except StorageError:  # also where the range begins behind the file's end
        with answering(uri):
            there = max(system.info(name)["size"] - offset, 0)
        if there >= size:
            raise
        return _read_exactly(uri, offset, there)
    return data


def _short(uri: str, got: int, wanted: int, offset: int) -> StorageError:
    return StorageError(
        f"{uri}: the store sent {got} of {wanted} bytes at offset {offset}, and the file is longer: run again"
    )


def _options(uri: str) -> dict[str, dict[str, Any]]:
    """Leave tries again to s3fs; what fsspec's configuration says of S3 goes first."""
    config = {"retries": {"total_max_attempts": 1}, **conf.get("s3", {}).get("config_kwargs", {})}
    return {protocol: {"config_kwargs": config} for protocol in S3 if f"{protocol}://" in uri}


def _may_pass(error: Exception) -> bool:
    """Tell s3fs to ask again after any fault of the store or the network; by itself it does so only after some."""
    response = getattr(error, "response", None) or {}
    return type(error).__name__ in _BROKEN or response.get("ResponseMetadata", {}).get("HTTPStatusCode") in _PASSING


def _faults() -> tuple[type[BaseException], ...]:
    """Gather what a store's library may raise, of those that are loaded."""
    loaded = [getattr(sys.modules[module], name) for module, name in _FOREIGN if module in sys.modules]
    return (OSError, *loaded)
