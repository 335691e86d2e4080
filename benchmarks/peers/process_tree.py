"""Run a command and measure it with everything that it starts: wall time, CPU time, peak memory."""

import ctypes
import resource
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from threading import Event, Thread

import psutil

from benchmarks.peers.figures import Usage

SAMPLE_EVERY_S = 0.5
TIMEOUT_S = 3_600
ORPHANS_END_S = 30
PR_SET_CHILD_SUBREAPER = 36


class CommandFailedError(Exception):
    """A measured command ended with an error; its last line says which."""


def measure(command: Sequence[str], environment: Mapping[str, str], folder: Path) -> Usage:
    """Run `command` in `folder`, its output in stdout.txt and stderr.txt there, and return what its processes used.

    For a process without other children: it waits for all of them, and ends those that stay.
    Raises CommandFailedError if it ends with an error.
    """
    adopt_orphans()
    stop, peaks = Event(), [0.0]
    cpu_before, started = children_cpu_s(), time.perf_counter()
    with (folder / "stdout.txt").open("wb") as out, (folder / "stderr.txt").open("wb") as err:
        process = subprocess.Popen(
            command, env=environment, cwd=folder, stdin=subprocess.DEVNULL, stdout=out, stderr=err
        )
        sampler = Thread(target=sample, args=(stop, peaks))
        sampler.start()
        try:
            code = process.wait(TIMEOUT_S)
            wall_s = time.perf_counter() - started
        finally:
            end_children()
            stop.set()
            sampler.join()
    if code:
        raise CommandFailedError(f"exit code {code}: {last_line(folder)}")
    return Usage(wall_s, children_cpu_s() - cpu_before, max(peaks))


def adopt_orphans() -> None:
    """Become the parent of whatever the commands leave behind, so that its CPU time is counted (Linux)."""
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def children_cpu_s() -> float:
    """User and system time of all children that have ended, and of theirs."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def end_children() -> None:
    """Wait for what a command left running, and end what does not end by itself."""
    _, alive = psutil.wait_procs(psutil.Process().children(), timeout=ORPHANS_END_S)
    for process in alive:
        process.kill()
    psutil.wait_procs(alive)


def sample(stop: Event, peaks: list[float]) -> None:
    """Append the memory of all children to `peaks` until told to stop."""
    while not stop.wait(SAMPLE_EVERY_S):
        peaks.append(sum(pss_mib(child) for child in psutil.Process().children(recursive=True)))


def pss_mib(process: psutil.Process) -> float:
    """Proportional set size: shared pages count once over all who share them. 0 for a process that has just ended."""
    try:
        return float(process.memory_full_info().pss) / 2**20
    except psutil.Error:
        return 0.0


def last_line(folder: Path) -> str:
    """Return the last line of what a command wrote to stderr."""
    lines = (folder / "stderr.txt").read_text(encoding="utf-8", errors="replace").strip().splitlines()
    return lines[-1][:300] if lines else "no message"
