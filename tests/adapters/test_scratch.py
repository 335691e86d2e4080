import gc
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from pairsift.adapters.scratch import (
    read_prepared,
    remove_prepared,
    remove_scratch,
    scratch_folder,
    write_prepared,
)
from pairsift.core.preprocessing import Prepared
from pairsift.core.records import Measurement, Reason

SHAPE = (16, 12, 3)
BROKEN = Prepared("0", None, None, None, Measurement(unmeasurable={"image.width": Reason.IMAGE_CORRUPT}))
GREY = Prepared("1", 0, np.full(SHAPE, 128, np.uint8), "a cat", Measurement({"text.words": 2}))
AGAIN = Prepared("2", 0, None, "a cat", Measurement({"text.words": 2}))


def test_an_attempt_removes_what_earlier_ones_left(tmp_path: Path):
    left = scratch_folder(tmp_path, 1, 1)
    (left / "0.pixels").touch()

    scratch_folder(tmp_path, 1, 2)

    assert not left.exists()


def test_an_attempt_that_was_overtaken_leaves_its_successor_in_peace(tmp_path: Path):
    successor = scratch_folder(tmp_path, 1, 10)

    scratch_folder(tmp_path, 1, 9)
    remove_scratch(tmp_path, 1, 9)

    assert successor.is_dir()


def test_another_partition_is_left_alone(tmp_path: Path):
    other = scratch_folder(tmp_path, 2, 1)

    scratch_folder(tmp_path, 1, 2)

    assert other.is_dir()


@pytest.mark.parametrize(
    ("pairs", "image_of"),
    [([BROKEN, GREY], [-1, 0]), ([BROKEN, BROKEN], [-1, -1]), ([GREY], [0]), ([GREY, BROKEN, AGAIN], [0, -1, 0])],
)
def test_prepared_pairs_are_read_as_they_were_written(tmp_path: Path, pairs: list[Prepared], image_of: list[int]):
    pixels, measurements = tmp_path / "0.pixels", tmp_path / "0.json"

    write_prepared(pixels, measurements, pairs, SHAPE)
    read = read_prepared(pixels, measurements)

    assert read.uids == [pair.uid for pair in pairs]
    assert read.image_of.tolist() == image_of
    assert read.pixels.shape == (max(image_of) + 1, *SHAPE)
    assert (read.pixels == 128).all()
    assert [read.captions, read.measurements] == [[p.caption for p in pairs], [p.measurement for p in pairs]]


def test_prepared_pairs_can_be_removed_twice(tmp_path: Path):
    pixels, measurements = tmp_path / "0.pixels", tmp_path / "0.json"
    write_prepared(pixels, measurements, [GREY], SHAPE)

    remove_prepared(pixels, measurements)
    remove_prepared(pixels, measurements)

    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def crowded() -> Iterator[None]:
    """Let threads take turns, and garbage be collected, as often as they can."""
    interval, threshold = sys.getswitchinterval(), gc.get_threshold()
    sys.setswitchinterval(1e-6)
    gc.set_threshold(10)
    yield
    sys.setswitchinterval(interval)
    gc.set_threshold(*threshold)


class Knot:
    """Garbage that only a collection finds, and that runs Python when it is found."""

    def __init__(self) -> None:
        self.itself = self

    def __del__(self) -> None:
        sum(range(200))


@pytest.mark.usefixtures("crowded")
def test_lanes_may_read_prepared_pairs_at_once(tmp_path: Path):
    """NumPy's own header cannot be read so: CPython 3.11's parser counts all threads' depth as one."""
    pixels, measurements = tmp_path / "0.pixels", tmp_path / "0.json"
    write_prepared(pixels, measurements, [GREY], SHAPE)

    def read(_: int) -> int:
        Knot()
        return len(read_prepared(pixels, measurements).uids)

    with ThreadPoolExecutor(4) as lanes:
        assert sum(lanes.map(read, range(4000))) == 4000
