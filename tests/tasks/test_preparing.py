"""Chunks prepared in processes of their own: the same files, and no process outlives the one that it works for."""

import hashlib
import multiprocessing
import os
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
from pebble import ProcessExpired
from pydantic import ValidationError

from pairsift.adapters.pairlist import write_pairs
from pairsift.adapters.scratch import read_prepared
from pairsift.config import PreprocessConfig, RunConfig, ScoreConfig
from pairsift.core.images import Fit
from pairsift.core.records import Cleaner, IngestedPair, Location, Reason
from tasks.preparing import Preparation, pool_of, prepare_apart
from tasks.preprocess import decoders
from tasks.retrying import is_transient
from tasks.workplace import LANES
from tests.hostile.pictures import flat_png, tiff_of_tiles, tiny_png
from tests.tasks.dying import GOOD, OTHER, crashing, killed, killed_once, prepare_and_wait
from tests.tasks.orders import listed, reasons
from tests.unit.pictures import encoded, scene

DEADLINE_S = 60


@pytest.fixture
def order(tmp_path: Path) -> Preparation:
    """Three pairs of which the second is known."""
    image = encoded(scene(0), "JPEG")
    (tmp_path / "image.jpg").write_bytes(image)
    place, digest = Location(str(tmp_path / "image.jpg"), 0, len(image)), hashlib.sha256(image).hexdigest()
    pairs = [IngestedPair(n, str(n), str(n), place, digest, b"a scene") for n in range(3)]
    listed = write_pairs(tmp_path / "pairs.arrow", pairs).path
    fit = Fit(32, 32, "crop", "bicubic")
    files = (tmp_path / "0.pixels", tmp_path / "0.json")
    return Preparation(listed, 0, 3, frozenset({1}), PreprocessConfig(), Cleaner.DEFAULT, fit, *files)


def test_another_process_writes_the_same_files(order: Preparation, tmp_path: Path):
    apart = replace(order, pixels=tmp_path / "1.pixels", measurements=tmp_path / "1.json")

    counts = [prepare_apart(order, 0), prepare_apart(apart, 1)]

    assert counts == [2, 2]
    assert apart.pixels.read_bytes() == order.pixels.read_bytes()
    assert apart.measurements.read_bytes() == order.measurements.read_bytes()


def prepare_once_noticed(order: Preparation) -> int:
    """Prepare, again where the pool had not noticed yet that its process was gone."""
    for _ in range(2):
        with suppress(ProcessExpired, BrokenProcessPool):
            return prepare_apart(order, 1)
    return prepare_apart(order, 1)


def test_a_killed_process_costs_one_more_try(order: Preparation):
    with pytest.raises(ProcessExpired) as died:
        prepare_apart(order, 1, killed)

    assert is_transient(died.value)
    assert prepare_apart(order, 1) == 2


def test_a_process_killed_while_it_is_idle_costs_nothing(order: Preparation):
    idle = psutil.Process(pool_of(1).schedule(os.getpid).result())

    idle.kill()
    idle.wait(DEADLINE_S)

    assert prepare_once_noticed(order) == 2


def test_the_processes_end_with_the_one_that_started_them_even_if_it_is_killed(order: Preparation):
    spawn = multiprocessing.get_context("spawn")
    pids: multiprocessing.Queue[int] = spawn.Queue()
    parent = spawn.Process(target=prepare_and_wait, args=(order, pids))
    parent.start()
    child = psutil.Process(pids.get(timeout=DEADLINE_S))

    parent.kill()
    parent.join()

    with suppress(psutil.NoSuchProcess):
        child.wait(DEADLINE_S)
    assert not child.is_running()


@pytest.mark.parametrize(
    ("asked", "device", "isolated", "expected"),
    [
        ("auto", "cpu", False, 0),
        ("auto", "cuda:0", False, LANES),
        ("auto", "cpu", True, LANES),
        (3, "cpu", True, 3),
        (3, "cpu", False, 3),
        (0, "cuda", False, 0),
    ],
)
def test_processes_feed_a_gpu_or_isolate_and_else_a_cpu_s_lanes_decode(
    asked: int | str, device: str, isolated: bool, expected: int
):
    isolating = PreprocessConfig(isolate_decoding=isolated)
    config = RunConfig.model_validate({"decoders": asked, "score": ScoreConfig(device=device), "preprocess": isolating})

    assert decoders(config) == expected


def test_isolation_without_a_process_is_refused():
    with pytest.raises(ValidationError, match="isolate_decoding needs processes to decode in"):
        RunConfig.model_validate({"decoders": 0, "preprocess": {"isolate_decoding": True}})


ISOLATED = PreprocessConfig(isolate_decoding=True, decode_timeout_s=1, decode_memory_bytes=143_000_000)
"""Limits that only the bombs below meet: the first takes 3 s and up, and 132 MB; the second 147 MB for its pixels."""


def test_a_picture_over_its_time_and_one_over_its_memory_are_each_refused_and_nothing_else_is(tmp_path: Path):
    order = listed(tmp_path, [GOOD, tiff_of_tiles(600), flat_png(7000), OTHER], ISOLATED)

    assert prepare_apart(order, 1) == 8

    expected = [None, Reason.IMAGE_DECODE_TIMEOUT, Reason.IMAGE_DECODE_MEMORY, None]
    assert reasons(order) == [reason for reason in expected for _ in range(2)]
    assert_as_if_alone(order, tmp_path / "alone")


def assert_as_if_alone(order: Preparation, folder: Path) -> None:
    """Compare the good pictures' pixels and measurements with those of a chunk without the others, not isolated."""
    folder.mkdir()
    alone = listed(folder, [GOOD, OTHER], PreprocessConfig())
    prepare_apart(alone, 0)
    among, undisturbed = (read_prepared(each.pixels, each.measurements) for each in (order, alone))
    assert (among.pixels == undisturbed.pixels).all()
    assert [among.measurements[place] for place in (0, 1, -2, -1)] == undisturbed.measurements


def test_a_picture_that_crashes_its_decoder_is_refused_and_the_others_are_prepared(tmp_path: Path):
    order = listed(tmp_path, [GOOD, OTHER, tiny_png()], ISOLATED)

    assert prepare_apart(order, 1, crashing) == 6

    assert reasons(order) == [None, None, Reason.IMAGE_DECODE_CRASH, Reason.IMAGE_DECODE_CRASH, None, None]


def test_a_picture_at_which_a_process_is_killed_from_outside_is_tried_once_more(tmp_path: Path):
    order = listed(tmp_path, [GOOD, OTHER], ISOLATED)

    prepare_apart(order, 1, killed_once)

    assert reasons(order) == [None] * 4


def test_a_file_that_is_too_large_is_not_even_read(tmp_path: Path):
    order = listed(tmp_path, [GOOD], PreprocessConfig(max_image_bytes=len(GOOD) - 1))
    (tmp_path / "0.image").unlink()

    prepare_apart(order, 0)

    assert reasons(order) == [Reason.IMAGE_FILE_TOO_LARGE] * 2
