"""Preparations that end their process, for processes that must start soon: nothing here imports Prefect."""

import multiprocessing
import os
import signal
from typing import Any
from unittest.mock import patch

from pairsift.core.preprocessing import PreparedImage, prepare_image
from tasks.preparing import Preparation, pool_of, prepare_apart, prepare_isolated
from tests.unit.pictures import encoded, scene

GOOD, OTHER = (encoded(scene(seed, 64, 48), "JPEG") for seed in range(2))


def prepare_and_wait(order: Preparation, pids: "multiprocessing.Queue[int]") -> None:
    prepare_apart(order, 1)
    pids.put(pool_of(1).schedule(os.getpid).result())
    signal.pause()


def killed(_: Preparation) -> int:
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError


def crashing(order: Preparation) -> int:
    """Prepare, but end by a signal of the decoder's at every picture of OTHER's bytes."""

    def decode(data: bytes | None, *rest: Any) -> PreparedImage:
        if data == OTHER:
            os.kill(os.getpid(), signal.SIGSEGV)
        return prepare_image(data, *rest)

    with patch("tasks.preparing.prepare_image", decode):
        return prepare_isolated(order)


def killed_once(order: Preparation) -> int:
    """Prepare, but be killed at the first picture of the first call, as by a machine that is out of memory."""
    first = order.pixels.with_suffix(".killed")

    def decode(*arguments: Any) -> PreparedImage:
        if not first.exists():
            first.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return prepare_image(*arguments)

    with patch("tasks.preparing.prepare_image", decode):
        return prepare_isolated(order)
