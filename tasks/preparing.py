"""Prepares a chunk's pairs into files, here or in a process of its own; imports no Prefect, so that one starts soon."""

import multiprocessing
import os
import threading
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

import cv2

from pairsift.adapters.pairlist import read_pairs
from pairsift.adapters.scratch import write_prepared
from pairsift.adapters.sources import read_image
from pairsift.config import PreprocessConfig
from pairsift.core.images import Fit
from pairsift.core.preprocessing import prepare_pairs
from pairsift.core.records import Cleaner
from pairsift.models.device import limit_threads
from pairsift.models.pictures import fit_picture


@dataclass(frozen=True, slots=True)
class Preparation:
    """What is to be prepared: pairs `start` to `stop` of a pair list but the `known` ordinals, into two files."""

    pair_list: Path
    start: int
    stop: int
    known: frozenset[int]
    config: PreprocessConfig
    cleaner: Cleaner
    fit: Fit
    pixels: Path
    measurements: Path


def prepare_files(order: Preparation) -> int:
    """Prepare the pairs and write them; return how many they are."""
    pairs = [p for p in read_pairs(order.pair_list, order.start, order.stop) if p.ordinal not in order.known]
    prepared = prepare_pairs(pairs, read_image, order.config, order.cleaner, partial(fit_picture, fit=order.fit))
    write_prepared(order.pixels, order.measurements, prepared, order.fit.shape)
    return len(pairs)


def prepare_apart(order: Preparation, processes: int) -> int:
    """Do the same in one of so many processes, which live as long as this one; in this one if there are to be none.

    The Python between decoding and resizing holds one lock a process: on an H200's host 16 threads prepare 722 pairs a
    second and 16 processes 1,750, where ViT-L/14's image tower takes 2,700. BrokenProcessPool if a process is killed;
    the next call starts others.
    """
    if not processes:
        return prepare_files(order)
    try:
        return children_of(processes).submit(prepare_files, order).result()
    except BrokenProcessPool:
        children_of.cache_clear()
        raise


@cache
def children_of(processes: int) -> ProcessPoolExecutor:
    """Start so many processes, once; they live as long as this one."""
    # Spawned: a fork of a process with threads may inherit a lock that nobody will open.
    spawn = multiprocessing.get_context("spawn")
    return ProcessPoolExecutor(processes, mp_context=spawn, initializer=_begin)


def _begin() -> None:
    """Use one core, and end with the process that started this one, however that ends."""
    cv2.setNumThreads(1)
    limit_threads(1)
    threading.Thread(target=_end_with_parent, name="pairsift-parent", daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
