"""The type of the fixture `pairsift`."""

from collections.abc import Callable

Command = Callable[..., tuple[int, str, str]]
"""Takes a command's arguments; gives its exit code, standard output and standard error."""
