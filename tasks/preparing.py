"""Prepares a chunk's pairs into files, here or in a process of its own; imports no Prefect, so that one starts soon."""

import multiprocessing
import os
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import cv2
from pebble import ProcessExpired, ProcessPool

from pairsift.adapters.limits import OUT_OF_TIME, leave_no_core, limited_memory, limited_time
from pairsift.adapters.memory import keep_freed_memory
from pairsift.adapters.pairlist import read_pairs
from pairsift.adapters.scratch import write_prepared
from pairsift.adapters.sources import read_image
from pairsift.config import PreprocessConfig
from pairsift.core.images import Fit
from pairsift.core.preprocessing import (
    FitPicture,
    MaskText,
    PreparedImage,
    prepare_image,
    prepare_pairs,
    unreadable_image,
)
from pairsift.core.records import Cleaner, IngestedPair, Reason
from pairsift.models.device import limit_threads
from pairsift.models.pictures import fit_picture
from pairsift.models.text_detection import load_detector, mask_text

WALL_TIMES = 6
"""The limit by the clock as a multiple of that of CPU time: a busy machine is no picture's fault."""
_LOOK_S = 5
"""How often a pool is looked at while it works."""

_pools: dict[int, ProcessPool] = {}
_opening = threading.Lock()


@dataclass(frozen=True, slots=True)
class Preparation:
    """What is to be prepared: pairs `start` to `stop` of a pair list but the `known` ordinals, into two files.

    `refused` are pictures, by their sha256, that are not to be decoded, and why.
    """

    pair_list: Path
    start: int
    stop: int
    known: frozenset[int]
    config: PreprocessConfig
    cleaner: Cleaner
    fit: Fit
    pixels: Path
    measurements: Path
    mask_text: bool = False
    refused: Mapping[str, Reason] = field(default_factory=dict)

    @property
    def decoding(self) -> Path:
        """The file in which an isolated process notes the picture it is at."""
        return self.pixels.with_suffix(".decoding")


def prepare_files(order: Preparation) -> int:
    """Prepare the pairs and write them; return how many they are."""
    return _prepare(order, lambda pair: prepare_image(read_image(pair), order.config, _fit(order), _mask(order)))


def prepare_isolated(order: Preparation) -> int:
    """Do the same within the config's limits: a picture that takes too much time, or crashes, ends this process."""
    if order.mask_text:
        load_detector()  # no picture's time and memory
    with order.decoding.open("wb", buffering=0) as note:
        return _prepare(order, partial(_limited_picture, order, note.fileno()))


def prepare_apart(order: Preparation, processes: int, prepare: Callable[[Preparation], int] | None = None) -> int:
    """Do the same in one of so many processes, which live as long as this one; in this one if there are to be none.

    The Python between decoding and resizing holds one lock a process: on an H200's host 16 threads prepare 722 pairs a
    second and 16 processes 1,750, where ViT-L/14's image tower takes 2,700.

    Where decoding is isolated, a picture that ends its process costs its pairs their picture, and the others of the
    chunk are prepared again. Else, and where a process ends at no picture, ProcessExpired: another call may do.
    """
    if not processes:
        return prepare_files(order)
    work = prepare or (prepare_isolated if order.config.isolate_decoding else prepare_files)
    suspects: set[str] = set()
    while True:
        order.decoding.unlink(missing_ok=True)
        try:
            return _result(pool_of(processes), work, order)
        except ProcessExpired as died:
            order = _without_culprit(order, died, suspects)


def pool_of(processes: int) -> ProcessPool:
    """Start so many processes, once; a pool that broke, since a process was killed while it was idle, is replaced."""
    with _opening:
        if processes in _pools and not _pools[processes].active:
            broken = _pools.pop(processes)
            broken.stop()  # type: ignore[no-untyped-call] # pebble annotates what has arguments
            broken.join()
        if processes not in _pools:
            # Forked from a process that has imported this module and has no threads: another one takes its 5 s only
            # once, and a fork of this one may inherit a lock that nobody will open.
            context = multiprocessing.get_context("forkserver")
            context.set_forkserver_preload([__name__])
            _pools[processes] = ProcessPool(processes, initializer=_begin, context=context)
        return _pools[processes]


def _result(pool: ProcessPool, work: Callable[[Preparation], int], order: Preparation) -> int:
    """Wait for the work; a pool that breaks before it has begun it would never say so itself."""
    try:
        future = pool.schedule(work, [order])
    except RuntimeError as error:  # it broke since it was looked at
        raise BrokenProcessPool(str(error)) from error
    while not wait([future], timeout=_LOOK_S).done:
        if not pool.active:
            raise BrokenProcessPool("a process was killed before it began")
    return future.result()


def _prepare(order: Preparation, picture: Callable[[IngestedPair], PreparedImage]) -> int:
    pairs = [p for p in read_pairs(order.pair_list, order.start, order.stop) if p.ordinal not in order.known]

    def small_picture(pair: IngestedPair) -> PreparedImage:
        if pair.image is not None and pair.image.size > order.config.max_image_bytes:
            return unreadable_image(Reason.IMAGE_FILE_TOO_LARGE)  # without reading it into memory
        return picture(pair)

    prepared = prepare_pairs(pairs, small_picture, order.config, order.cleaner)
    write_prepared(order.pixels, order.measurements, prepared, order.fit.shape)
    return len(pairs)


def _fit(order: Preparation) -> FitPicture:
    return partial(fit_picture, fit=order.fit)


def _mask(order: Preparation) -> MaskText | None:
    return mask_text if order.mask_text else None


def _limited_picture(order: Preparation, note: int, pair: IngestedPair) -> PreparedImage:
    """Prepare a picture within the limits, and have it noted meanwhile: only its own time counts, not the source's."""
    if pair.image_sha256 is None or pair.image_sha256 in order.refused:
        return unreadable_image(order.refused.get(pair.image_sha256 or "", Reason.IMAGE_MISSING))
    limits, wall_s = order.config, WALL_TIMES * order.config.decode_timeout_s
    data = read_image(pair)
    os.pwrite(note, pair.image_sha256.encode(), 0)
    try:
        with limited_memory(limits.decode_memory_bytes), limited_time(limits.decode_timeout_s, wall_s):
            return prepare_image(data, order.config, _fit(order), _mask(order))
    except MemoryError:
        return unreadable_image(Reason.IMAGE_DECODE_MEMORY)
    except cv2.error as error:
        if error.code != cv2.Error.StsNoMem:
            raise
        return unreadable_image(Reason.IMAGE_DECODE_MEMORY)
    finally:
        os.ftruncate(note, 0)


def _without_culprit(order: Preparation, died: ProcessExpired, suspects: set[str]) -> Preparation:
    """Refuse the picture at which a process ended; raise its end again if there was none.

    Whatever ends a process but its limits of time may have come from outside: such a picture is tried once more.
    """
    culprit = order.decoding.read_text() if order.decoding.exists() else ""
    if not culprit:
        raise died
    timed_out = -died.exitcode in OUT_OF_TIME
    if not timed_out and culprit not in suspects:
        suspects.add(culprit)
        return order
    reason = Reason.IMAGE_DECODE_TIMEOUT if timed_out else Reason.IMAGE_DECODE_CRASH
    return replace(order, refused={**order.refused, culprit: reason})


def _begin() -> None:
    """Use one core, keep freed memory, and end with the process that started this one, however that ends."""
    keep_freed_memory()
    cv2.setNumThreads(1)
    limit_threads(1)
    leave_no_core()
    threading.Thread(target=_end_with_parent, name="pairsift-parent", daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
