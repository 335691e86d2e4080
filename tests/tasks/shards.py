"""Small WebDataset shards cut from the sample."""

import io
import tarfile
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path

SAMPLE = Path(__file__).parents[2] / "examples" / "sample" / "shards"

GOOD = tuple(range(1, 7))
"""Keys of six honest pairs of the sample."""
BLURRED, TRUNCATED, FILENAME_CAPTION = 7, 49, 61

Members = dict[str, bytes]


@cache
def sample() -> dict[str, Members]:
    """Read the sample: every pair's members by suffix, by key."""
    pairs: dict[str, Members] = {}
    for path in sorted(SAMPLE.glob("*.tar")):
        with tarfile.open(path) as tar:
            for member in tar:
                key, _, suffix = member.name.partition(".")
                file = tar.extractfile(member)
                assert file is not None
                pairs.setdefault(key, {})[suffix] = file.read()
    return pairs


def pairs_of(keys: Iterable[int]) -> dict[str, Members]:
    """Choose pairs of the sample by their numbers; they may be changed."""
    return {f"{key:09d}": dict(sample()[f"{key:09d}"]) for key in keys}


def write_shard(path: Path, pairs: Mapping[str, Members]) -> Path:
    """Write pairs as a tar whose bytes depend on them alone."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w", format=tarfile.USTAR_FORMAT) as tar:
        for key, members in pairs.items():
            for suffix, data in members.items():
                info = tarfile.TarInfo(f"{key}.{suffix}")
                info.size = len(data)
                tar.addfile(info, io.BytesIO(data))
    return path


def cut(path: Path, keys: Iterable[int]) -> Path:
    """Write pairs of the sample as a shard."""
    return write_shard(path, pairs_of(keys))


def damage_after(path: Path, pairs: int) -> bytes:
    """Cut a shard off in the middle of its pair number `pairs`, counted from 0; return its whole bytes."""
    whole = path.read_bytes()
    with tarfile.open(path) as tar:
        images = [member for member in tar if member.name.endswith((".jpg", ".png"))]
    path.write_bytes(whole[: images[pairs].offset_data + images[pairs].size // 2])
    return whole
