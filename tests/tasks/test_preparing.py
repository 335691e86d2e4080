"""Chunks prepared in processes of their own: the same files, and no process outlives the one that it works for."""

import hashlib
import multiprocessing
import os
import signal
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from pairsift.adapters.pairlist import write_pairs
from pairsift.config import PreprocessConfig, RunConfig, ScoreConfig
from pairsift.core.images import Fit
from pairsift.core.records import Cleaner, IngestedPair, Location
from tasks.preparing import Preparation, children_of, prepare_apart
from tasks.preprocess import decoders
from tasks.retrying import is_transient
from tasks.workplace import LANES
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


def test_a_killed_process_costs_one_more_try(order: Preparation):
    os.kill(children_of(1).submit(os.getpid).result(), signal.SIGKILL)

    with pytest.raises(BrokenProcessPool) as broken:
        prepare_apart(order, 1)

    assert is_transient(broken.value)
    assert prepare_apart(order, 1) == 2


def prepare_and_wait(order: Preparation, pids: "multiprocessing.Queue[int]") -> None:
    prepare_apart(order, 1)
    pids.put(children_of(1).submit(os.getpid).result())
    signal.pause()


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
    ("asked", "device", "expected"),
    [("auto", "cpu", 0), ("auto", "cuda:0", LANES), (3, "cpu", 3), (0, "cuda", 0)],
)
def test_a_gpu_is_fed_by_processes_and_a_cpu_by_its_lanes(asked: int | str, device: str, expected: int):
    config = RunConfig.model_validate({"decoders": asked, "score": ScoreConfig(device=device)})

    assert decoders(config) == expected
