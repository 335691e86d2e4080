"""Who watches a training in this process: how far it is, told as it goes."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Step:
    """So much of something is done, of at most so much; `facts` say in words what came of it so far."""

    what: str
    done: int
    most: int
    facts: str = ""


Watch = Callable[[Step], None]
_watch: ContextVar[Watch | None] = ContextVar("watch", default=None)


@contextmanager
def watched_by(watch: Watch) -> Iterator[None]:
    """Let somebody watch the tasks that are called while the block runs."""
    before = _watch.set(watch)
    try:
        yield
    finally:
        _watch.reset(before)


def tell(step: Step) -> None:
    """Tell a step to who watches, if anybody does."""
    watch = _watch.get()
    if watch is not None:
        watch(step)
