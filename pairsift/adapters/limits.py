"""Limits that the kernel keeps for this process, whatever code runs in it: memory, CPU time, time by the clock."""

import math
import resource
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager

OUT_OF_TIME = frozenset({signal.SIGXCPU, signal.SIGALRM})
"""What ends a process that is over its limit of time."""


@contextmanager
def limited_memory(more_bytes: int) -> Iterator[None]:
    """Let allocations fail (MemoryError) that take the process more than so many bytes beyond what it has now."""
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    most = _address_space_bytes() + more_bytes
    resource.setrlimit(resource.RLIMIT_AS, (most if hard == resource.RLIM_INFINITY else min(most, hard), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


@contextmanager
def limited_time(cpu_s: int, wall_s: int) -> Iterator[None]:
    """End the process where the block takes longer, by one of OUT_OF_TIME; it is accurate to a second or so.

    The signals must not be handled in Python: its handlers wait until a decoder returns, so that an alarm after 3 s was
    heard after 19.5 s.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (math.ceil(time.process_time()) + cpu_s, hard))
    signal.setitimer(signal.ITIMER_REAL, wall_s)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        resource.setrlimit(resource.RLIMIT_CPU, (soft, hard))


def _address_space_bytes() -> int:
    with open("/proc/self/statm", "rb", buffering=0) as file:  # noqa: PTH123 - a third of the time, for every picture
        return int(file.read().split()[0]) * resource.getpagesize()


def leave_no_core() -> None:
    """Write no core file where this process is ended by a signal."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
