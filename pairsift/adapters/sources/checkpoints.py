"""Where rows of a table begin, remembered while it is read, so that its slices are not all looked for from the top."""

from bisect import bisect_right
from dataclasses import dataclass, field
from functools import lru_cache

EVERY = 1_000
"""Rows between two places that are remembered."""


@dataclass(frozen=True, slots=True)
class Checkpoints:
    """Row numbers, in order, and the byte offsets where these rows begin."""

    numbers: list[int] = field(default_factory=lambda: [0])
    offsets: list[int] = field(default_factory=lambda: [0])

    def before(self, number: int) -> tuple[int, int]:
        """Find the last remembered row up to this one: its number, and where it begins."""
        place = bisect_right(self.numbers, number) - 1
        return self.numbers[place], self.offsets[place]

    def note(self, number: int, offset: int) -> None:
        """Remember where a row begins, if it is one of those to be remembered."""
        if number >= self.numbers[-1] + EVERY:
            self.numbers.append(number)
            self.offsets.append(offset)


@lru_cache(maxsize=16)
def checkpoints(uri: str, version: str) -> Checkpoints:  # noqa: ARG001 - each file, and each version of it, has its own
    """Give what is remembered of a file in this process."""
    return Checkpoints()
