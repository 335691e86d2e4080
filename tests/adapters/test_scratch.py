from pathlib import Path

import numpy as np
import pytest

from pairsift.adapters.scratch import (
    PIXELS_SHAPE,
    read_prepared,
    remove_prepared,
    remove_scratch,
    scratch_folder,
    write_prepared,
)
from pairsift.core.preprocessing import Prepared
from pairsift.core.records import Measurement, Reason

BROKEN = Prepared(None, None, Measurement(unmeasurable={"image.width": Reason.IMAGE_CORRUPT}))
GREY = Prepared(np.full(PIXELS_SHAPE, 128, np.uint8), "a cat", Measurement({"text.words": 2}))


def test_an_attempt_removes_what_earlier_ones_left(tmp_path: Path):
    left = scratch_folder(tmp_path, 1, 1)
    (left / "0.npy").touch()

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


@pytest.mark.parametrize(("pairs", "image_rows"), [([BROKEN, GREY], [1]), ([BROKEN, BROKEN], []), ([GREY], [0])])
def test_prepared_pairs_are_read_as_they_were_written(tmp_path: Path, pairs: list[Prepared], image_rows: list[int]):
    pixels, measurements = tmp_path / "0.npy", tmp_path / "0.json"

    write_prepared(pixels, measurements, ((str(n), pair) for n, pair in enumerate(pairs)), len(pairs))
    read = read_prepared(pixels, measurements)

    assert read.image_rows.tolist() == image_rows
    assert read.pixels.shape == (len(image_rows), *PIXELS_SHAPE)
    assert (read.pixels == 128).all()
    assert [read.captions, read.measurements] == [[p.caption for p in pairs], [p.measurement for p in pairs]]


def test_prepared_pairs_can_be_removed_twice(tmp_path: Path):
    pixels, measurements = tmp_path / "0.npy", tmp_path / "0.json"
    write_prepared(pixels, measurements, [("0", GREY)], 1)

    remove_prepared(pixels, measurements)
    remove_prepared(pixels, measurements)

    assert list(tmp_path.iterdir()) == []
