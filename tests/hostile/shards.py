"""Shards of hostile pairs among good ones."""

import io
import tarfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.hostile.cases import PairCase
from tests.unit.pictures import encoded, scene

NEIGHBOURS = tuple(
    PairCase(
        f"good-{number}", encoded(scene(100 + number, 120, 90), "JPEG"), f"The scene number {number}".encode(), None
    )
    for number in range(12)
)

_KEYS = (
    "../../up", "/etc/absolute", "x\x1b[2Jy", "x\ny", "x\ty", "x\u202ey", "<b>[red]x[/red]", "=1+1", "x|y`z`",
    "{{ x }}", "x'); DROP TABLE pair; --", "x\u200b", "[link=http://evil]x",
    "C:\\x", "%2e%2e", "x,\"y\"", "🏴", "k" * 300,
)  # fmt: skip
HOSTILE_KEYS = tuple(
    PairCase(key, encoded(scene(200 + number, 96, 72), "JPEG"), f"The other scene number {number}".encode(), None)
    for number, key in enumerate(_KEYS)
)


def write_cases(path: Path, cases: Sequence[PairCase]) -> Path:
    """Write cases as a shard, a good pair first, last and in between; their names are the keys."""
    with tarfile.open(path, "w", format=tarfile.PAX_FORMAT) as tar:
        for case in _mixed(cases):
            for suffix, data in (("jpg", case.image), ("txt", case.caption)):
                if data is not None:
                    info = tarfile.TarInfo(f"{case.name}.{suffix}")
                    info.size = len(data)
                    tar.addfile(info, io.BytesIO(data))
    return path


def _mixed(cases: Sequence[PairCase]) -> Iterator[PairCase]:
    last = len(NEIGHBOURS) - 1
    for number, neighbour in enumerate(NEIGHBOURS):
        yield neighbour
        yield from cases[len(cases) * number // last : len(cases) * (number + 1) // last]
