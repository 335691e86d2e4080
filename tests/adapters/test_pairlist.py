import hashlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from pairsift.adapters.pairlist import BATCH_PAIRS, pairs_digest, read_identities, read_pairs, write_pairs
from pairsift.core.records import ColumnValue, IngestedPair, Location

COUNT = 2 * BATCH_PAIRS + 100


def pair(ordinal: int) -> IngestedPair:
    if ordinal % 7 == 0:
        return IngestedPair(ordinal, f"{ordinal:032x}", f"key {ordinal}", None, None, None)
    image = Location("/data/0.tar", ordinal * 512, ordinal)
    columns: dict[str, ColumnValue] = {"similarity": 0.1 * ordinal, "NSFW": "ü", "n": ordinal} if ordinal % 2 else {}
    identity = (ordinal, f"{ordinal:032x}", f"k{ordinal}")
    return IngestedPair(*identity, image, f"{ordinal:064x}", b"\xff\0caption", "u" * 32, columns)


PAIRS = [pair(ordinal) for ordinal in range(COUNT)]


def test_what_is_written_is_read_in_order(tmp_path: Path):
    written = write_pairs(tmp_path / "pairs.arrow", iter(PAIRS))

    assert written.count == COUNT
    assert written.digest == pairs_digest(PAIRS)
    assert read_pairs(written.path, 0, written.count) == PAIRS
    assert read_identities(written.path) == [(p.uid, p.image_sha256) for p in PAIRS]


@pytest.mark.parametrize(
    ("start", "stop"),
    [
        (0, 1),
        (0, COUNT),
        (BATCH_PAIRS - 1, BATCH_PAIRS + 1),
        (BATCH_PAIRS, 2 * BATCH_PAIRS),
        (COUNT - 1, COUNT),
        (COUNT - 5, COUNT + 50),
        (3, 3),
        (COUNT, COUNT + 1),
        (5 * COUNT, 6 * COUNT),
    ],
)
def test_a_slice_is_exactly_its_pairs(tmp_path: Path, start: int, stop: int):
    written = write_pairs(tmp_path / "pairs.arrow", PAIRS)

    assert read_pairs(written.path, start, stop) == PAIRS[start:stop]


def test_an_empty_list_can_be_read(tmp_path: Path):
    written = write_pairs(tmp_path / "pairs.arrow", [])

    assert (written.count, read_pairs(written.path, 0, 9)) == (0, [])
    assert read_identities(written.path) == []


@pytest.mark.parametrize(
    "changed",
    [
        replace(PAIRS[-1], uid="f" * 32),
        replace(PAIRS[-1], key="other"),
        replace(PAIRS[-1], image_sha256="f" * 64),
        replace(PAIRS[-1], source_uid="f" * 32),
        replace(PAIRS[-1], source_columns={"similarity": 0.3}),
    ],
)
def test_the_digest_follows_uid_key_image_and_the_sources_uid_and_columns(tmp_path: Path, changed: IngestedPair):
    digest = write_pairs(tmp_path / "a", PAIRS).digest

    assert write_pairs(tmp_path / "b", PAIRS).digest == digest
    assert write_pairs(tmp_path / "c", [*PAIRS[:-1], changed]).digest != digest


def test_the_digest_of_pairs_without_columns_is_that_of_older_versions():
    pair = IngestedPair(0, "a" * 32, "k", None, None, b"a cat")

    expected = hashlib.sha256(f'["{"a" * 32}", "k", null, null]'.encode()).hexdigest()
    assert pairs_digest([pair]) == expected


def test_the_digest_leaves_out_where_the_bytes_lie(tmp_path: Path):
    moved = [replace(p, image=p.image and replace(p.image, uri="/elsewhere", offset=0)) for p in PAIRS]

    assert write_pairs(tmp_path / "a", PAIRS).digest == write_pairs(tmp_path / "b", moved).digest


def test_a_source_that_fails_leaves_no_list(tmp_path: Path):
    def failing() -> Iterator[IngestedPair]:
        yield PAIRS[0]
        raise OSError("network")

    with pytest.raises(OSError, match="network"):
        write_pairs(tmp_path / "pairs.arrow", failing())

    assert list(tmp_path.iterdir()) == []
