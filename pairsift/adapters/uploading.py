"""Files put into object stores: there whole or not at all, and proven by what the store says that it has."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pairsift.adapters.durable import file_facts, stream_facts
from pairsift.adapters.remote import S3, answering, is_s3, open_remote, open_system
from pairsift.addresses import refuse_secrets
from pairsift.errors import ConfigError, SourceChangedError, StorageDeniedError, StorageError

STORES = (*S3, "gs", "gcs", "az", "abfs", "abfss")
"""Protocols of stores in which a file appears whole, under its name, when its last byte is there, and never before."""

PART_BYTES = 8 << 20
"""What is sent, and held in memory, at a time; a file of two parts or more goes as a multipart upload."""

PARTS_AT_ONCE = 4
MOST_PARTS = 10_000
"""What S3 takes of one file."""

TRIES = 5
"""How often a text is made anew because another process wrote meanwhile: each of them did so once."""

_CONFLICTS = {"PreconditionFailed", "ConditionalRequestConflict"}


@dataclass(frozen=True, slots=True)
class _Target:
    """Where something is to be put: a URI, the file system it is of, and its name there."""

    uri: str
    system: Any
    name: str

    @property
    def is_s3(self) -> bool:
        return is_s3(self.system)


def require_store(uri: str) -> None:
    """Raise ConfigError unless files can be put there whole, and without a secret in the address."""
    protocol, _, place = refuse_secrets(uri).partition("://")
    if protocol not in STORES or not place.strip("/"):
        raise ConfigError(
            f"cannot export to {uri}: exports go to a folder, or to an object store as PROTOCOL://BUCKET/FOLDER, "
            f"where PROTOCOL is one of {', '.join(STORES)}; mount anything else, and give its folder"
        )


def require_bucket(uri: str) -> None:
    """Raise ConfigError where there is no such bucket, StorageDeniedError where it may not be looked at."""
    system, name = open_system(uri)
    bucket = name.strip("/").partition("/")[0]
    try:
        with answering(uri):
            system.info(bucket)
    except FileNotFoundError as error:
        raise ConfigError(f"cannot export to {uri}: there is no bucket {bucket!r}: make it first") from error


def upload(path: Path, uri: str) -> None:
    """Put a local file under a URI, unless the same bytes lie there; StorageError unless the store then has them.

    Until it is whole there is nothing to be seen of it.
    """
    target = _Target(uri, *open_system(uri))
    there = _is_same(target, path)
    if there is None:
        try:
            _put(target, path, **({"mode": "create"} if target.is_s3 else {}))
        except FileExistsError:  # by a request whose answer was lost, or by somebody else
            there = _is_same(target, path)
    if there is False:
        _put(target, path)
    if not there and not _is_same(target, path):
        raise StorageError(f"{uri}: the store has not what was sent to it: run again")


def write_if_unchanged(uri: str, compose: Callable[[], str]) -> None:
    """Write what `compose` makes over nothing but what was there before it was called; else make and write it anew.

    So whoever writes last has seen the newest. NotImplementedError where the store takes no conditional writes.
    """
    target = _Target(uri, *open_system(uri))
    if not target.is_s3:
        raise NotImplementedError(uri)
    for _ in range(TRIES):
        seen = _etag(target)
        data = compose().encode()
        if seen is not None and _has(uri, seen, data):
            return
        _write_over(target, data, seen)
    raise StorageError(f"{uri}: others kept writing it, {TRIES} times: run again")


def write_bytes(uri: str, data: bytes) -> None:
    """Write a small file over whatever is there."""
    system, name = open_system(uri)
    with answering(uri):
        system.pipe_file(name, data)


def _put(target: _Target, path: Path, **options: str) -> None:
    parts = {"chunksize": _part_bytes(path), "max_concurrency": PARTS_AT_ONCE} if target.is_s3 else {}
    try:
        with answering(target.uri):
            target.system.put_file(str(path), target.name, **parts, **options)
    except FileNotFoundError as error:
        raise StorageDeniedError(f"{target.uri}: there is no such bucket: make it first") from error


def _is_same(target: _Target, path: Path) -> bool | None:
    """Say whether the store has a file's bytes; None where it has nothing under that name.

    S3's ETag is the MD5 of the file, or of its parts' MD5s; where it is none of these (some encryptions), and in other
    stores, the file is read back.
    """
    try:
        with answering(target.uri):
            info = target.system.info(target.name)
    except FileNotFoundError:
        return None
    if info["type"] != "file":
        return None
    if info["size"] != path.stat().st_size:
        return False
    if str(info.get("ETag", "")).strip('"') in _etags_of(path):
        return True
    with open_remote(target.uri) as stream:
        return stream_facts(stream) == file_facts(path)


def _etags_of(path: Path) -> set[str]:
    whole, parts, part_bytes = hashlib.md5(usedforsecurity=False), [], _part_bytes(path)
    with path.open("rb") as file:
        while part := file.read(part_bytes):
            whole.update(part)
            parts.append(hashlib.md5(part, usedforsecurity=False).digest())
    of_parts = hashlib.md5(b"".join(parts), usedforsecurity=False).hexdigest()
    return {whole.hexdigest(), f"{of_parts}-{len(parts)}"}


def _part_bytes(path: Path) -> int:
    return max(PART_BYTES, -(-path.stat().st_size // MOST_PARTS))


def _write_over(target: _Target, data: bytes, seen: str | None) -> None:
    condition = {"mode": "create"} if seen is None else {"IfMatch": seen}
    try:
        with answering(target.uri):
            target.system.pipe_file(target.name, data, **condition)
    except (FileExistsError, FileNotFoundError):  # written, or removed, since it was looked at
        return
    except StorageError as error:
        code = _code(error)
        if code == "NotImplemented":
            raise NotImplementedError(target.uri) from error
        if code not in _CONFLICTS:
            raise


def _etag(target: _Target) -> str | None:
    try:
        with answering(target.uri):
            return str(target.system.info(target.name)["ETag"])
    except FileNotFoundError:
        return None


def _has(uri: str, etag: str, data: bytes) -> bool:
    if etag.strip('"') == hashlib.md5(data, usedforsecurity=False).hexdigest():
        return True
    try:
        with open_remote(uri) as stream:
            return stream.read() == data
    except (FileNotFoundError, SourceChangedError):  # another process is at it
        return False


def _code(error: BaseException | None) -> str | None:
    """Find the store's own code of a fault among what led to it."""
    while error is not None:
        response = getattr(error, "response", None)
        if response:
            return str(response["Error"].get("Code"))
        error = error.__cause__
    return None
