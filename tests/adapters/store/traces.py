"""Looks for what is left of a pair: in every byte of every file, in what files say when they are read, in every row."""

import io
import tarfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
from sqlalchemy import Engine, inspect, text

from tests.tasks.shards import Members


def traces(engine: Engine, folders: list[Path], wanted: dict[str, bytes]) -> list[str]:
    """Name what still has something of a pair, and what it has."""
    found = [
        f"{name} in {where}"
        for where, data in [*_rows(engine), *(each for folder in folders for each in _files(folder))]
        for name, value in wanted.items()
        if value in data
    ]
    return sorted(found)


def marks_of(uid: str, key: str, image_sha256: str, members: Members) -> dict[str, bytes]:
    """Tell what a pair can be recognised by: names, digests, its caption, and bytes from the middle of its picture."""
    picture = next(data for suffix, data in members.items() if suffix in {"jpg", "png", "webp"})
    middle = len(picture) // 2
    halves = np.array([(int(uid[:16], 16), int(uid[16:], 16))], np.dtype("<u8,<u8"))
    return {
        "uid": uid.encode(),
        "uid as bytes": bytes.fromhex(uid),
        "uid as numbers": halves.tobytes(),
        "key": key.encode(),
        "image sha256": image_sha256.encode(),
        "caption": members["txt"].strip(),
        "picture": picture[middle : middle + 64],
    }


def _rows(engine: Engine) -> Iterator[tuple[str, bytes]]:
    if engine.dialect.name == "sqlite":
        for path in Path(str(engine.url.database)).parent.glob("pairsift.db*"):
            yield str(path), path.read_bytes()
    with engine.connect() as connection:
        for table in inspect(connection).get_table_names():
            for row in connection.execute(text(f'SELECT * FROM "{table}"')):
                if table != "tombstone":
                    yield f"table {table}", repr(tuple(row)).encode()


def _files(folder: Path) -> Iterator[tuple[str, bytes]]:
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            yield f"the name of {path}", str(path.relative_to(folder)).encode()
            yield str(path), path.read_bytes()
            yield from _said(path)


def _said(path: Path) -> Iterator[tuple[str, bytes]]:
    """Read what a file says, since compressed bytes hide it."""
    if path.suffix == ".parquet":
        for row in pq.read_table(path).to_pylist():
            for value in row.values():
                yield f"a row of {path}", value if isinstance(value, bytes) else str(value).encode()
                if isinstance(value, dict):
                    yield f"a picture in {path}", value.get("bytes") or b""
    if path.suffix == ".tar":
        with tarfile.open(path) as tar:
            for member in tar:
                yield f"a member of {path}", member.name.encode() + (tar.extractfile(member) or io.BytesIO()).read()
